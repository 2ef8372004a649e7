"""What a Git server can be told to do wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass
class Faults:
    """Misbehaviour of a server, changed at any time by whoever tests with it; the default is none.

    `down`: connections are cut without an answer. `status`: every answer is this HTTP status. `delay`: seconds
    before an answer. `hang_after`: an answer's body stops after so many bytes and never goes on. `cut_after`: the
    connection is cut after so many bytes. `garbage`: this body in place of the real one, with the right content
    type. `redirect`: every first request is sent to this base URL. `only`: the faults hold for requests whose path
    ends so (`info/refs`, `git-upload-pack`), for all when empty.
    """

    down: bool = False
    status: int = 0
    delay: float = 0.0
    hang_after: int = -1
    cut_after: int = -1
    garbage: bytes | None = None
    redirect: str = ""
    only: str = ""

    def clear(self) -> None:
        """Behave again."""
        for each in fields(self):
            setattr(self, each.name, each.default)


@dataclass
class Requests:
    """What a server has been asked, for tests that count: method and path with query, in order."""

    seen: list[str] = field(default_factory=list)

    def count(self, part: str = "") -> int:
        """How many requests had `part` in their line."""
        return sum(part in line for line in self.seen)
