"""Who is told what of an Application, and how often; the expressions are answered by a stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from tests.unit.dialects import samples

from trueup.core.health import Health, HealthStatus
from trueup.core.model.events import UnitChanged, UnitGone
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import OperationReport, OperationState, Reason, SyncState, UnitPhase, UnitReport
from trueup.core.model.unit import Unit
from trueup.core.notification.expressions import Condition, ExpressionProblem, Facts, Holds, MessageTemplate, Rendered
from trueup.core.notification.notification import Notification
from trueup.core.ports import Unreachable
from trueup.dialects.argo.notifications.notified import ANNOTATION
from trueup.runtime.argo_notifier import Notifications, NotifierPorts
from trueup.testing import FakeClock, FakeValues

HOME = "argocd"
REF = ObjectRef("argoproj.io", "Application", HOME, "web")
MAP = ("ConfigMap", HOME, "argocd-notifications-cm")
SECRET = ("Secret", HOME, "argocd-notifications-secret")
SUBSCRIBE = "notifications.argoproj.io/subscribe."
CONFIGURATION = {
    "service.webhook.hook": "url: http://hook\nheaders: [{name: Authorization, value: Bearer $token}]\n",
    "service.slack": "token: $slack-token",
    "trigger.sick": "- when: sick\n  send: [words]\n",
    "trigger.once": "- when: good\n  oncePer: revision\n  send: [words, more]\n",
    "trigger.synced": "- when: Succeeded\n  send: [words]\n",
    "trigger.running": "- when: Running\n  send: [words]\n",
    "trigger.failed": "- when: Failed\n  send: [words]\n",
    "trigger.broken": "- when: broken\n  send: [words]\n",
    "template.words": "message: 'it is {{state}}'\nwebhook:\n  hook:\n    method: POST\n    body: '{{state}}!'\n",
    "template.more": "slack:\n  attachments: '[{{state}}]'\n  notifyBroadcast: true\n",
    "template.leaky": "message: '{{leak}}'",
    "trigger.leaky": "- when: sick\n  send: [leaky]\n",
}


class Words:
    """Answers the few words that these tests write."""

    async def conditions(self, facts: Facts, asked: Sequence[Condition]) -> tuple[Holds, ...]:
        assert "secrets" not in facts.variables
        status = facts.variables["app"]["status"]
        health, revision = status["health"]["status"], status["sync"].get("revision", "")
        known = {"sick": Holds(health == "Degraded"), "good": Holds(True, revision) if health == "Healthy" else Holds()}
        phase = status.get("operationState", {}).get("phase")
        known |= {word: Holds(phase == word) for word in ("Succeeded", "Failed", "Running")}
        broken = Holds(problem=ExpressionProblem("expression", "what is this?"))
        return tuple(known.get(each.when, broken) for each in asked)

    async def templates(self, facts: Facts, asked: Sequence[MessageTemplate]) -> tuple[Rendered, ...]:
        state = facts.variables["app"]["status"]["health"]["status"]
        leak = ExpressionProblem("template", f"error near {facts.variables['secrets'].get('token')}")
        return tuple(
            Rendered(problem=leak)
            if "{{leak}}" in each.fields.values()
            else Rendered({name: text.replace("{{state}}", state) for name, text in each.fields.items()})
            for each in asked
        )


class Room:
    """An Application, whoever tells of it, and all that was told."""

    def __init__(self) -> None:
        self.body: Body = msgspec.json.decode(msgspec.json.encode(samples.APPLICATION))
        self.body["metadata"] |= {"name": REF.name, "namespace": HOME}
        self.project: Body | None = None
        self.values = FakeValues()
        self.values.data[MAP] = {key: value.encode() for key, value in CONFIGURATION.items()}
        self.values.data[SECRET] = {"token": b"s3cret-token"}
        self.told: list[Notification] = []
        self.complaints: list[str] = []
        self.unreachable = False
        self.lagging = False
        self.notifications = self.make()

    def make(self) -> Notifications:
        made = Notifications(
            NotifierPorts(
                home=HOME,
                body_of=lambda ref: self.body if ref == REF else self.project,
                values=self.values,
                expressions=Words(),
                dispatcher=self,
                marks=self,
                warnings=self,
                clock=FakeClock(),
            )
        )
        made.start()
        return made

    async def restart(self) -> None:
        await self.notifications.stop()
        self.notifications = self.make()

    def tell(self, notification: Notification) -> None:
        self.told.append(notification)

    def warn(self, ref: ObjectRef, message: str) -> None:
        self.complaints.append(message)

    async def mark(self, ref: ObjectRef, annotation: str, value: str | None) -> None:
        if self.unreachable:
            raise Unreachable("no answer")
        if not self.lagging:
            annotations = {**self.body["metadata"].get("annotations", {}), annotation: value}
            kept = {key: text for key, text in annotations.items() if text is not None}
            self.body = {**self.body, "metadata": {**self.body["metadata"], "annotations": kept}}

    def subscribe(self, **annotations: str) -> None:
        wishes = {f"{SUBSCRIBE}{key.replace('_', '.')}": value for key, value in annotations.items()}
        self.body["metadata"]["annotations"] = wishes

    async def report(
        self, *healths: HealthStatus, revision: str = "sha1:" + "a" * 40, operation: OperationReport | None = None
    ) -> list[str]:
        """Report these states at once; gives the texts that were told of them."""
        before = len(self.told)
        for health in healths:
            report = UnitReport(
                UnitPhase.SETTLED,
                Reason.SUCCEEDED,
                sync=SyncState.SYNCED,
                health=Health(health),
                current=revision,
                operation=operation,
            )
            unit = msgspec.structs.replace(a_unit(), ref=REF)
            self.notifications.publish(UnitChanged(unit, None, report, FakeClock().wall()))
        async with asyncio.timeout(5):
            await self.notifications.idle()
        return [each.message for each in self.told[before:]]


def a_unit() -> Unit:
    unit = samples.translated(samples.APPLICATION).unit
    assert unit is not None
    return unit


@pytest.fixture(name="room")
async def a_room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    await room.notifications.stop()


SICK, WELL, BUSY = HealthStatus.DEGRADED, HealthStatus.HEALTHY, HealthStatus.PROGRESSING


async def test_nobody_is_told_who_has_not_asked(room: Room) -> None:
    assert await room.report(SICK, WELL) == []
    assert room.complaints == []


async def test_a_change_of_state_is_told_once_and_again_after_recovery(room: Room) -> None:
    room.subscribe(sick_hook="")
    assert await room.report(WELL) == []
    assert await room.report(SICK) == ["it is Degraded"]
    assert await room.report(SICK, SICK) == []
    assert await room.report(WELL, SICK) == ["it is Degraded"], "what came and went between two looks counts"


async def test_what_is_only_passing_is_not_told_again(room: Room) -> None:
    room.subscribe(sick_hook="")
    assert await room.report(SICK, BUSY, SICK, BUSY, SICK) == ["it is Degraded"]
    assert await room.report(HealthStatus.UNKNOWN, SICK) == []
    assert await room.report(BUSY, WELL, SICK) == ["it is Degraded"]


def sync(state: OperationState, minute: int, *, commit: str = "a", retries: int = 0) -> OperationReport:
    at = datetime(2030, 1, 1, 12, minute, tzinfo=UTC)
    ended = None if state is OperationState.RUNNING else at
    return OperationReport(state, f"sha1:{commit * 40}", at, ended, retries=retries)


async def test_each_sync_is_told_though_it_began_and_ended_between_two_reports(room: Room) -> None:
    room.subscribe(synced_hook="", running_hook="")
    succeeded = OperationState.SUCCEEDED
    assert await room.report(WELL, operation=sync(succeeded, 1)) == ["it is Healthy"] * 2
    assert await room.report(WELL, BUSY, operation=sync(succeeded, 1)) == []
    assert await room.report(WELL, operation=sync(succeeded, 2)) == ["it is Healthy"] * 2
    await room.restart()
    room.body["status"] = {"operationState": {"startedAt": "2030-01-01T12:02:00Z", "phase": "Succeeded"}}
    assert await room.report(WELL, operation=sync(succeeded, 2)) == []


async def test_a_try_that_fails_again_is_no_news(room: Room) -> None:
    room.subscribe(failed_hook="")
    failed, running = OperationState.FAILED, OperationState.RUNNING
    assert await room.report(WELL, operation=sync(failed, 1)) == ["it is Healthy"]
    assert await room.report(WELL, operation=sync(failed, 2)) == []
    assert await room.report(WELL, operation=sync(running, 3, retries=2)) == []
    assert await room.report(WELL, operation=sync(failed, 3, retries=2)) == []
    assert await room.report(WELL, operation=sync(failed, 4, commit="b")) == ["it is Healthy"]
    await room.restart()
    shown = {"startedAt": "2030-01-01T12:04:00Z", "phase": "Failed", "syncResult": {"revision": "b" * 40}}
    room.body["status"] = {"operationState": shown}
    assert await room.report(WELL, operation=sync(failed, 5, commit="b")) == []


async def test_what_is_told_once_per_value_is_not_told_again_after_a_relapse(room: Room) -> None:
    room.subscribe(once_slack="a;b")
    assert await room.report(WELL) == ["it is Healthy"] * 2
    assert await room.report(SICK, WELL, BUSY, WELL) == []
    assert len(await room.report(WELL, revision="sha1:" + "b" * 40)) == 2
    assert await room.report(WELL, revision="sha1:" + "a" * 40) == []


async def test_a_restart_repeats_nothing(room: Room) -> None:
    room.subscribe(sick_hook="", once_slack="room")
    assert len(await room.report(WELL, SICK)) == 2
    await room.restart()
    assert await room.report(SICK) == []
    assert await room.report(WELL) == []


async def test_what_argo_cd_has_told_is_not_told_again(room: Room) -> None:
    room.subscribe(sick_hook="")
    await room.report(SICK)
    told = room.body["metadata"]["annotations"][ANNOTATION]
    fresh = Room()
    fresh.subscribe(sick_hook="")
    fresh.body["metadata"]["annotations"][ANNOTATION] = told
    assert await fresh.report(SICK) == []
    await fresh.notifications.stop()


async def test_a_watch_that_lags_behind_repeats_nothing(room: Room) -> None:
    room.subscribe(sick_hook="")
    room.lagging = True
    assert await room.report(SICK) == ["it is Degraded"]
    assert await room.report(SICK) == []


async def test_what_cannot_be_noted_is_not_told_again_and_noted_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.runtime.argo_notifier.RETRY_AFTER", 0.01)
    room.subscribe(sick_hook="")
    room.unreachable = True
    assert await room.report(SICK) == ["it is Degraded"]
    room.unreachable = False
    async with asyncio.timeout(5):
        while ANNOTATION not in room.body["metadata"]["annotations"]:
            await asyncio.sleep(0.01)
    assert await room.report(SICK) == []


async def test_a_message_holds_its_services_part_and_the_resolved_options(room: Room) -> None:
    room.subscribe(sick_hook="", once_slack="room")
    await room.report(SICK)
    (hook,) = room.told
    assert (hook.service, hook.service_name, hook.recipient) == ("webhook", "hook", "")
    assert hook.section == {"method": "POST", "body": "Degraded!"}
    assert hook.options["headers"] == [{"name": "Authorization", "value": "Bearer s3cret-token"}]
    await room.report(WELL)
    slack = room.told[-1]
    assert slack.section == {"attachments": "[Healthy]", "notifyBroadcast": True} and slack.once == "a" * 40
    assert slack.options == {"token": "$slack-token"}
    assert any("$slack-token" in words for words in room.complaints)


async def test_one_broken_trigger_stops_no_other_and_is_complained_of_once(room: Room) -> None:
    room.subscribe(broken_hook="", sick_hook="", missing_hook="", sick_nowhere="x")
    assert await room.report(SICK) == ["it is Degraded"]
    await room.report(WELL, SICK)
    said = " | ".join(room.complaints)
    assert "'broken'" in said and "'missing'" in said and "'nowhere'" in said and len(room.complaints) == 3


async def test_no_complaint_shows_a_secret(room: Room) -> None:
    room.subscribe(leaky_hook="")
    assert await room.report(SICK) == []
    assert "***" in room.complaints[0] and "s3cret" not in room.complaints[0]


async def test_a_corrected_template_is_told_without_a_restart(room: Room) -> None:
    room.subscribe(leaky_hook="")
    assert await room.report(SICK) == []
    room.values.data[MAP]["template.leaky"] = b"message: mended"
    room.notifications.value_changed(ObjectRef("", *MAP))
    assert await room.report() == ["mended"]


async def test_a_new_subscription_is_told_of_the_present_state(room: Room) -> None:
    assert await room.report(SICK) == []
    room.subscribe(sick_hook="")
    room.notifications.object_changed(REF)
    assert await room.report() == ["it is Degraded"]


async def test_a_projects_subscriptions_are_those_of_its_applications(room: Room) -> None:
    room.project = {"metadata": {"name": "default", "annotations": {f"{SUBSCRIBE}sick.hook": ""}}}
    assert await room.report(SICK) == ["it is Degraded"]


async def test_what_is_gone_is_forgotten(room: Room) -> None:
    room.subscribe(sick_hook="")
    await room.report(WELL)
    room.notifications.publish(UnitGone(msgspec.structs.replace(a_unit(), ref=REF), None, FakeClock().wall()))
    room.notifications.object_changed(REF)
    assert await room.report() == []


async def test_an_application_of_another_controller_is_left_to_that_one(room: Room) -> None:
    room.subscribe(sick_hook="")
    report = UnitReport(UnitPhase.OBSERVED, Reason.SUCCEEDED, health=Health(SICK))
    unit = msgspec.structs.replace(a_unit(), ref=REF)
    room.notifications.publish(UnitChanged(unit, None, report, FakeClock().wall()))
    assert await room.report() == []
