"""Files of a source that change how it is read: only small files of the source itself are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trueup.core.model.recipe import RenderError
from trueup.engine.rendering import LARGEST_FILE, read_small

NAME = ".argocd-source.yaml"


def test_a_small_file_is_read(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"x" * LARGEST_FILE)
    assert len(read_small(tmp_path, NAME)) == LARGEST_FILE


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "large", "absent"])
def test_what_is_none_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    outside, path = tmp_path / "outside", tmp_path / NAME
    outside.write_text("secret")
    match kind:
        case "link":
            path.symlink_to(outside)
        case "folder":
            path.mkdir()
        case "pipe":
            # Opened without waiting, it is empty: the file is no mapping then.
            os.mkfifo(path)
            assert read_small(tmp_path, NAME) == b""
            return
        case "large":
            path.write_bytes(b"x" * (LARGEST_FILE + 1))
    with pytest.raises(RenderError) as caught:
        read_small(tmp_path, NAME)
    origin = caught.value.problem.origin
    assert origin is not None and origin.path == NAME and "secret" not in caught.value.problem.message
