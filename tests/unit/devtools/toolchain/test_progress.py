"""People see what is built, for how long, and about how long it takes."""

import io

from trueup.devtools.toolchain.progress import Progress, ProgressPrinter, duration, line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_durations_read_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (0.4, 59.4, 390.0)] == ["0s", "59s", "6m 30s"]


def test_a_line_names_the_step_the_elapsed_and_the_expected_time() -> None:
    assert line(Progress("Building kwok", 5.0, 30.0, "12 packages compiled")) == (
        "Building kwok: 5s of about 30s (12 packages compiled)"
    )


def test_a_log_gets_a_line_each_half_minute_and_the_end() -> None:
    stream = io.StringIO()
    printer = ProgressPrinter(stream)
    for second in range(70):
        printer(Progress("Building", float(second)))
    printer(Progress("Building", 70.0, done=True))
    assert stream.getvalue().splitlines() == [
        "Building: 0s",
        "Building: 30s",
        "Building: 1m 00s",
        "Building: done in 1m 10s",
    ]


def test_a_terminal_gets_one_line_that_renews_itself() -> None:
    stream = Terminal()
    printer = ProgressPrinter(stream)
    printer(Progress("Building", 1.0))
    printer(Progress("Building", 2.0, done=True))
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("Building: done in 2s\n")
