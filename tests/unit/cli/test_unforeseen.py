"""A fault of the program is one line for people, without values that may be secret."""

from __future__ import annotations

import pytest

import trueup.cli.main as entry


def _breaks(**_: object) -> None:
    raise KeyError("s3cret")


def test_unforeseen_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Type, place and a hint are told; the message is not."""
    monkeypatch.delenv("TRUEUP_DEBUG", raising=False)
    monkeypatch.setattr(entry, "app", _breaks)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told.startswith("error: unforeseen KeyError at test_unforeseen.py:")
    assert "TRUEUP_DEBUG=true" in told
    assert "s3cret" not in told
    assert "Traceback" not in told


def test_debug_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the traceback gets the exception itself."""
    monkeypatch.setenv("TRUEUP_DEBUG", "true")
    monkeypatch.setattr(entry, "app", _breaks)
    with pytest.raises(KeyError):
        entry.main()
