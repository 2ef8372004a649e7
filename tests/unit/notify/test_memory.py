"""Nothing is told twice, bad news is followed by its end, and a restart tells nothing anew."""

from __future__ import annotations

from pathlib import Path

from support.happenings import happening
from trueup.core.objects import ObjectRef
from trueup.notify.memory import Memory

ALERT = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "all")
OTHER = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "other")


async def test_the_same_is_told_once_to_each(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, happening()) and not memory.news(ALERT, happening())
    assert memory.news(OTHER, happening())
    assert memory.news(ALERT, happening(revision="main@sha1:" + "b" * 40))


async def test_another_count_of_restarts_is_nothing_new(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, happening(bad=True, message="pod web-5d9fc crash-loops: 1 restart"))
    assert not memory.news(ALERT, happening(bad=True, message="pod web-7a0bc1 crash-loops: 2 restart"))
    assert memory.news(ALERT, happening(bad=True, message="cannot pull its image"))


async def test_recovery_is_told_after_bad_news_alone(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    recovered = happening(recovered=True, message="well again")
    assert not memory.news(ALERT, recovered)
    assert memory.news(ALERT, happening(bad=True)) and memory.was_bad(ALERT, recovered.about)
    assert memory.news(ALERT, recovered) and not memory.was_bad(ALERT, recovered.about)
    assert not memory.news(ALERT, recovered)


async def test_a_restart_remembers(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "told.json")
    assert memory.news(ALERT, happening(bad=True))
    await memory.flush()
    again = Memory(tmp_path / "told.json")
    again.load()
    assert not again.news(ALERT, happening(bad=True)) and again.was_bad(ALERT, happening().about)


async def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "told.json").write_bytes(b'{"half')
    memory = Memory(tmp_path / "told.json")
    memory.load()
    assert memory.news(ALERT, happening(bad=True))
    await memory.flush()
