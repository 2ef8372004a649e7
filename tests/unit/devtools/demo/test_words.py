"""What the demo says: words for every object that is not as promised, and lines that fit where they are read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from trueup.devtools.demo import trying
from trueup.devtools.demo.progress import Notification, StepFailed
from trueup.devtools.demo.watching import argo_held, described, flux_held, rolled_out
from trueup.kube.errors import KubeError


def deployment(**status: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "shop", "image": "shop:1"}]}}
    spec = {"replicas": 3, "template": template}
    return {"kind": "Deployment", "metadata": {"generation": 4}, "spec": spec, "status": status}


PROGRESS = {"type": "Available", "status": "False", "message": "Deployment does not have minimum availability."}
NODES = {"type": "AbleToScale", "status": "False", "reason": "X"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "it is not there"),
        (deployment(), "it wants 3 pods of shop:1, which its controller has not taken note of yet"),
        (
            deployment(observedGeneration=4, updatedReplicas=2, readyReplicas=1, conditions=[PROGRESS]),
            "of 3 pods 2 have the image shop:1, and 1 are ready; Deployment does not have minimum availability.",
        ),
        (
            {"kind": "K", "status": {"conditions": [{"type": "Ready", "status": "False", "message": "it waits"}]}},
            "Ready is False: it waits",
        ),
        ({"kind": "Application", "status": {"sync": {"status": "Synced"}}}, "it is Synced and of unknown health"),
        (
            {
                "status": {
                    "sync": {"status": "OutOfSync"},
                    "health": {"status": "Degraded"},
                    "operationState": {"message": "sad"},
                }
            },
            "it is OutOfSync and Degraded: sad",
        ),
        ({"kind": "Ingress", "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}, "it is there"),
        ({"kind": "Scaler", "status": {"conditions": [NODES]}}, "it is there, and AbleToScale is False"),
    ],
)
def test_an_object_is_described_in_words(body: dict[str, Any] | None, words: str) -> None:
    assert described(body) == words


def test_a_deployment_has_been_changed_twice_before_it_counts_as_taken_back() -> None:
    well = deployment(observedGeneration=4, updatedReplicas=3, readyReplicas=3, replicas=3)
    assert rolled_out(well, "shop:1", 4) and not rolled_out(well, "shop:1", 5) and not rolled_out(well, "shop:2")
    assert not rolled_out(None)


def test_what_is_held_back_is_told_by_both_dialects() -> None:
    ready = {"type": "Ready", "status": "False"}
    status = {"conditions": [ready], "lastAttemptedRevision": "main@sha1:bad", "lastAppliedRevision": "main@sha1:good"}
    assert flux_held({"status": status}, "bad") and not flux_held({"status": status}, "good")
    assert argo_held({"status": {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Failed"}}})
    assert not argo_held(None)


async def test_a_step_that_fails_is_told_once_and_ends_the_story() -> None:
    console = Console(file=io.StringIO(), width=80)
    telling = Notification(console)
    with pytest.raises(StepFailed, match="no answer"):
        async with telling.step("a step"):
            raise KubeError("[no answer]")
    assert telling.summary() is False
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert told.count("[no answer]") == 1 and "because this did not hold: a step" in told


def test_prose_is_broken_between_words_in_a_terminal_alone() -> None:
    words = "• Kustomization/flux-system/shop-dev " + "is held back " * 20
    for terminal in (True, False):
        out = io.StringIO()
        Notification(Console(file=out, width=60, force_terminal=terminal, no_color=True, color_system=None)).say(words)
        lines = out.getvalue().splitlines()
        assert (len(lines) > 3 and max(map(len, lines)) <= 60) if terminal else len(lines) == 1


def test_what_to_try_stands_alone_on_lines_that_fit() -> None:
    lines = trying.invitation(Path("/tmp/trueup-demo-abcdefgh/env"))
    commands = [line for line in lines if line.startswith("  ")]
    assert commands[0] == "  source /tmp/trueup-demo-abcdefgh/env"
    assert all(len(line) <= 80 for line in lines) and not [line for line in commands if "#" in line]
    assert trying.sourced(Path("/a folder/env")) == "source '/a folder/env'"
