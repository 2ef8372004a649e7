"""The controller's log, wherever it runs: of its pods through the API, or of its files on this machine.

Who the controller is stands in the cluster's Lease. Its holder names the pod; the Lease's uid names the folder of a
controller that runs as a process: a file of another cluster is never read.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.core.model.objects import Body
from trueup.core.problem import Problem
from trueup.kube.client import KubeClient
from trueup.kube.lease import LEASES
from trueup.kube.resource import Resource
from trueup.kube.transport import Call

LEASE = "trueup-controller"
LOOK = 0.25
"""Seconds between two looks at a file that is followed."""

_PODS = Resource("", "v1", "pods", "Pod", True)
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_OF_A_ROLLOUT = ("pod-template-hash", "controller-revision-hash", "pod-template-generation", "trueup.dev/role")
_PLAIN = re.compile(r"(?P<at>\S+) \[(?P<level>\w+)\s*\] (?P<event>.*?)(?=\s+[\w.]+=|$)(?P<rest>.*)")
_FIELD = re.compile(r"([\w.]+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")


class LogLine(msgspec.Struct, frozen=True):
    """One line: when, how grave, what has happened, and its fields. `level` is empty for what is no line of ours."""

    at: str
    level: str
    event: str
    fields: Mapping[str, Any] = {}

    def names(self, refs: frozenset[str]) -> bool:
        """Say whether one of these objects is named in a field."""
        return any(isinstance(value, str) and value in refs for value in self.fields.values())


class Holder(msgspec.Struct, frozen=True):
    """Who holds the Lease, and the Lease's uid. `identity` is empty while nobody does."""

    identity: str
    uid: str

    @property
    def host(self) -> str:
        """The machine, or pod, that it runs on: an identity ends with the process' number and a random word."""
        return self.identity.rsplit("-", 2)[0]


async def holder_of(client: KubeClient, namespace: str) -> Holder:
    """Read who the controller is. Raises `Problem` where none has ever worked there, and `KubeError`."""
    reply = await client.find(LEASES, LEASE, namespace)
    if reply is None:
        text = f"no controller has worked on this cluster: there is no Lease {namespace}/{LEASE}"
        raise Problem(text, "`trueup run` starts one; --controller-namespace names the namespace of its lease")
    body = reply.body
    holder = str((body.get("spec") or {}).get("holderIdentity") or "")
    return Holder(holder, str(body["metadata"].get("uid") or ""))


# ---------------------------------------------------------------------------------------------------------- pods


async def pods_of(client: KubeClient, holder: Holder, namespace: str) -> list[Body]:
    """Give the controller's pod and its other replicas, none where it does not run in a pod. Raises `KubeError`."""
    if not holder.identity:
        return []
    reply = await client.find(_PODS, holder.host, namespace)
    if reply is None:
        return []
    labels = reply.body["metadata"].get("labels") or {}
    shared = {key: value for key, value in labels.items() if key not in _OF_A_ROLLOUT}
    if not shared:
        return [reply.body]
    selector = ",".join(f"{key}={value}" for key, value in sorted(shared.items()))
    return list((await client.list_all(_PODS, namespace, selectors={"labelSelector": selector})).items)


async def lines_of_pod(client: KubeClient, pod: Body, *, seconds: int, follow: bool) -> AsyncIterator[LogLine]:
    """Give the lines of a pod's log; with `follow` until it ends. Raises `KubeError`."""
    metadata = pod["metadata"]
    containers = [str(one.get("name")) for one in (pod.get("spec") or {}).get("containers") or []]
    container = (metadata.get("annotations") or {}).get(_DEFAULT_CONTAINER) or next(iter(containers), "")
    query = {"container": container, "follow": "true" if follow else ""}
    query["sinceSeconds"] = str(seconds) if seconds else ""
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    what = f"read the log of Pod/{metadata['namespace']}/{metadata['name']}"
    call = Call("GET", "watch", path, "pods/log", what, urlencode({key: one for key, one in query.items() if one}))
    async for lines in client.transport.lines(call, 0.0):
        for line in lines:
            if line.strip():
                yield line_of(line.decode(errors="replace"))


# --------------------------------------------------------------------------------------------------------- files


def files_of(folder: Path, since: float = 0.0) -> list[Path]:
    """Give the files of a cluster's log that were written since a moment (Unix seconds), the oldest first."""
    if not folder.is_dir():
        return []
    found = [(path.stat().st_mtime, path) for path in folder.glob("*.jsonl*")]
    return [path for written, path in sorted(found) if written >= since]


def sizes_of(folder: Path) -> dict[Path, int]:
    """Give the files that are being written, and how long each is."""
    return {path: path.stat().st_size for path in files_of(folder) if path.suffix == ".jsonl"}


def lines_of_files(paths: list[Path]) -> Iterator[LogLine]:
    """Give the lines of files."""
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                if text.strip():
                    yield line_of(text)


async def new_lines(folder: Path, read: Mapping[Path, int]) -> AsyncIterator[LogLine]:
    """Give what is written to a cluster's log from now on; `read` says how much of each file is known."""
    places = dict(read)
    numbers = {path: path.stat().st_ino for path in places}
    while True:
        await asyncio.sleep(LOOK)
        for line in await asyncio.to_thread(_written, folder, places, numbers):
            yield line


def _written(folder: Path, places: dict[Path, int], numbers: dict[Path, int]) -> list[LogLine]:
    """Read what was written since the last look."""
    lines: list[LogLine] = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            number = path.stat().st_ino
        except OSError:
            continue
        if numbers.get(path, number) != number:
            # It was put aside: what it had last stands in the file beside it.
            lines += _rest(path.with_name(f"{path.name}.1"), places, places.pop(path, 0))
        numbers[path] = number
        lines += _rest(path, places, places.get(path, 0))
    return lines


def _rest(path: Path, places: dict[Path, int], begin: int) -> list[LogLine]:
    """Read the whole lines of a file from a place on."""
    try:
        with path.open("rb") as file:
            file.seek(begin)
            raw = file.read()
    except OSError:
        return []
    whole = raw[: raw.rfind(b"\n") + 1]
    places[path] = begin + len(whole)
    return [line_of(line.decode(errors="replace")) for line in whole.splitlines() if line.strip()]


# --------------------------------------------------------------------------------------------------------- lines


def line_of(text: str) -> LogLine:
    """Read a line in either of the two forms that `trueup run` writes; what is neither is an event without a level."""
    text = text.strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            return LogLine("", "", text)
        fields = dict(found)
        at, level, event = (str(fields.pop(key, "")) for key in ("timestamp", "level", "event"))
        return LogLine(at, level, event, fields)
    if plain := _PLAIN.fullmatch(text):
        fields = {name: _value(value) for name, value in _FIELD.findall(plain["rest"])}
        return LogLine(plain["at"], plain["level"], plain["event"].rstrip(), fields)
    return LogLine("", "", text)


def _value(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
