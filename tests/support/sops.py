"""Real keys, and files that are encrypted by SOPS' own library: `go/worker/encrypter`, built once by its inputs."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from trueup.devtools.toolchain.build import build
from trueup.devtools.toolchain.progress import ProgressPrinter
from trueup.devtools.toolchain.targets import module_folder

DATA = "^(data|stringData)$"
"""What of an object Flux' users have encrypted."""


class Key(NamedTuple):
    """A private key as people store it, and its public name."""

    private: str
    public: str


@cache
def program() -> Path:
    """Give the program, built if it is nowhere."""
    return build(module_folder("worker"), "./encrypter", "encrypter", progress=ProgressPrinter(), expected=60.0)


def _ask(**request: Any) -> dict[str, str]:
    done = subprocess.run([program()], input=json.dumps(request).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def age_key() -> Key:
    """Make an age identity."""
    made = _ask(make="age")
    return Key(f"# a comment\n{made['private']}\n", made["public"])


def pgp_key(passphrase: str = "") -> Key:
    """Make a PGP key, locked where a passphrase is given."""
    made = _ask(make="pgp", passphrase=passphrase)
    return Key(made["private"], made["public"])


def encrypted(
    content: str | bytes,
    format: str = "yaml",
    *,
    age: Sequence[Key] = (),
    pgp: Sequence[Key] = (),
    groups: Sequence[dict[str, list[str]]] = (),
    **options: Any,
) -> str:
    """Encrypt a text for all the keys; `groups` are key groups, of which `threshold` are needed together."""
    own = {"age": [key.public for key in age], "pgp": [key.private for key in pgp], "kms": options.pop("kms", [])}
    raw = content.encode() if isinstance(content, str) else content
    made = _ask(format=format, content=base64.b64encode(raw).decode(), groups=[*groups] or [own], **options)
    return base64.b64decode(made["content"]).decode()


def secret(name: str, *, field: str = "stringData", **values: str) -> str:
    """Write a Secret as YAML."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, field: values}
    return yaml.safe_dump(body, sort_keys=False)
