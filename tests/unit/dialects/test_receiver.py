"""A Receiver as the engine's value, and its status as Flux's CLI reads it."""

from __future__ import annotations

from typing import Any

from tests.unit.dialects import samples

from trueup.core.model.webhook import Check
from trueup.dialects.flux.receiver.types import receiver_status, translate_receiver


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}


def test_a_receiver_names_its_proof_and_targets() -> None:
    receiver = translate_receiver(samples.RECEIVER, True)
    assert receiver.proof.check is Check.HMAC and receiver.events == ("ping", "push")
    (target,) = receiver.targets
    assert (target.kind, target.namespace, target.name) == ("GitRepository", "flux-system", "shop")
    assert not receiver.problems and not receiver.warnings


def test_a_receiver_may_name_artifacts() -> None:
    body = samples.changed(samples.RECEIVER, {"type": "harbor", "resources": [{"kind": "OCIRepository", "name": "a"}]})
    receiver = translate_receiver(body, True)
    assert [(one.group, one.kind) for one in receiver.targets] == [("source.toolkit.fluxcd.io", "OCIRepository")]
    assert not any("OCIRepository" in text for text in receiver.warnings)


def test_types_that_are_not_supported_say_so() -> None:
    for kind in ("acr", "cdevents", "gcr", "generic-oidc", "nexus", "unheard-of"):
        body = samples.changed(samples.RECEIVER, {"type": kind})
        receiver = translate_receiver(body, True)
        write = receiver_status(body, receiver, "", "", samples.NOW)
        assert write is not None and "webhookPath" not in write.status
        assert conditions(write.status)["Ready"] == ("False", "InvalidSpec")
        assert kind in write.status["conditions"][0]["message"]


def test_kinds_that_are_not_supported_are_named_and_the_others_work() -> None:
    resources = [{"kind": "ImageRepository", "name": "a"}, {"kind": "Kustomization", "name": "b"}]
    receiver = translate_receiver(samples.changed(samples.RECEIVER, {"resources": resources}), True)
    assert [target.kind for target in receiver.targets] == ["Kustomization"]
    assert any("ImageRepository" in text for text in receiver.warnings) and not receiver.problems


def test_other_namespaces_need_leave() -> None:
    body = samples.changed(samples.RECEIVER, {"resources": [{"kind": "GitRepository", "name": "a", "namespace": "b"}]})
    assert translate_receiver(body, True).targets[0].namespace == "b"
    refused = translate_receiver(body, False)
    assert not refused.targets and "namespace" in refused.problems[0]


def test_labels_need_a_star() -> None:
    chosen = {"kind": "GitRepository", "name": "a", "matchLabels": {"app": "x"}}
    assert translate_receiver(samples.changed(samples.RECEIVER, {"resources": [chosen]}), True).problems


def test_the_status_gives_the_path_once() -> None:
    receiver = translate_receiver(samples.RECEIVER, True)
    write = receiver_status(samples.RECEIVER, receiver, "/hook/abc", "", samples.NOW)
    assert write is not None
    assert write.status["webhookPath"] == "/hook/abc" and write.status["observedGeneration"] == 2
    assert conditions(write.status)["Ready"] == ("True", "Succeeded")
    again = {**samples.RECEIVER, "status": write.status}
    assert receiver_status(again, receiver, "/hook/abc", "", samples.NOW) is None
    failed = receiver_status(again, receiver, "", "unable to read token", samples.NOW)
    assert failed is not None and "webhookPath" not in failed.status
    assert conditions(failed.status)["Ready"] == ("False", "TokenNotFound")


def test_a_suspended_receiver_keeps_its_status() -> None:
    body = samples.changed(samples.RECEIVER, {"suspend": True})
    assert receiver_status(body, translate_receiver(body, True), "/hook/abc", "", samples.NOW) is None


def test_a_request_by_hand_is_shown_as_handled() -> None:
    body = samples.changed(samples.RECEIVER, annotations={"reconcile.fluxcd.io/requestedAt": "now"})
    write = receiver_status(body, translate_receiver(body, True), "/hook/abc", "", samples.NOW)
    assert write is not None and write.status["lastHandledReconcileAt"] == "now"
