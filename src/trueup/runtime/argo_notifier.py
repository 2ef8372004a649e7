"""Tells Applications' users what they have subscribed to: a journal that evaluates, writes messages and remembers.

Each report of an Application is looked at in turn, so that a state which came and went is not missed; nothing is
polled. A message is handed to the courier before it is remembered: a crash in between tells it twice rather than never.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from trueup.core.model.dialect import annotations_of
from trueup.core.model.events import Event, UnitChanged, UnitGone
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import OperationReport, UnitPhase, UnitReport
from trueup.core.notification.expressions import ExpressionProblem, Expressions, Facts
from trueup.core.notification.notification import Dispatcher, Notification, Warnings
from trueup.core.ports import Clock, Unreachable, Values
from trueup.dialects.argo.application.types import GROUP, KIND
from trueup.dialects.argo.appproject.types import KIND as PROJECT_KIND
from trueup.dialects.argo.notifications.catalogue import standard_configuration
from trueup.dialects.argo.notifications.composing import (
    Composed,
    Due,
    compose,
    decide,
    draft,
    questions,
    resolved,
    unresolved,
    without_secrets,
)
from trueup.dialects.argo.notifications.configuration import CONFIG_MAP, SECRET, Configuration, read_configuration
from trueup.dialects.argo.notifications.notified import ANNOTATION, Remembered, read_remembered
from trueup.dialects.argo.notifications.ports import TrackingLabels
from trueup.dialects.argo.notifications.reported import as_seen, facts_of, unsettled, with_beginning
from trueup.dialects.argo.notifications.subscriptions import destinations_of
from trueup.dialects.decode import mapping_of, text_of
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

PENDING = 16
"""Reports of one Application that may wait to be looked at; of more, the oldest are left out."""

WORKERS = 2
RETRY_AFTER = 2.0
"""Seconds until what could not be read or noted is tried again."""

COMPLAINTS = 1024
"""Complaints that are remembered, so that each is told once."""


class NotifierPorts(msgspec.Struct, frozen=True):
    """All that the notifier works with. `home` is Argo CD's namespace, `body_of` gives users' objects."""

    home: str
    body_of: Callable[[ObjectRef], Body | None]
    values: Values
    expressions: Expressions
    dispatcher: Dispatcher
    marks: TrackingLabels
    warnings: Warnings
    clock: Clock


class Notifications:
    """Implements the `EventSink` port for all Applications."""

    def __init__(self, ports: NotifierPorts) -> None:
        """Take where users' objects and their configuration are read, and who evaluates, delivers and remembers."""
        self._home = ports.home
        self._body_of = ports.body_of
        self._values = ports.values
        self._expressions = ports.expressions
        self._dispatcher = ports.dispatcher
        self._marks = ports.marks
        self._warnings = ports.warnings
        self._clock = ports.clock
        self._configuration: Configuration | None = None
        self._stale = True
        self._latest: dict[ObjectRef, UnitReport] = {}
        self._pending: dict[ObjectRef, deque[UnitReport]] = {}
        self._health: dict[ObjectRef, dict[str, Any]] = {}
        self._operations: dict[ObjectRef, OperationReport | None] = {}
        self._tenants: dict[ObjectRef, str] = {}
        self._written: dict[ObjectRef, tuple[str, Remembered, bool]] = {}
        self._complained: OrderedDict[tuple[ObjectRef, str], None] = OrderedDict()
        self._queue: WorkQueue[ObjectRef] = WorkQueue("argo-notifications", self._look, WORKERS, tenant_of=self._tenant)

    def start(self) -> None:
        """Begin to look at what was noted."""
        self._queue.start()

    async def stop(self) -> None:
        """Stop; what was not told yet is found again after the next start."""
        await self._queue.stop()

    async def idle(self) -> None:
        """Wait until nothing is waiting to be looked at."""
        await self._queue.idle()

    def publish(self, event: Event) -> None:
        """Take note of an Application's new report, or that it is gone."""
        if isinstance(event, UnitGone):
            for known in (self._latest, self._pending, self._health, self._operations, self._written, self._tenants):
                known.pop(event.unit.ref, None)
        elif isinstance(event, UnitChanged) and (event.unit.ref.group, event.unit.ref.kind) == (GROUP, KIND):
            ref = event.unit.ref
            self._latest[ref] = event.after
            self._tenants[ref] = event.unit.tenant
            self._pending.setdefault(ref, deque(maxlen=PENDING)).append(event.after)
            self._queue.add(ref)

    def _tenant(self, ref: ObjectRef) -> str:
        return self._tenants.get(ref, ref.namespace)

    def object_changed(self, ref: ObjectRef) -> None:
        """Take note that an Application or a project is another: its subscriptions may be."""
        if (ref.group, ref.kind) == (GROUP, PROJECT_KIND):
            self._look_at_all()
        elif ref in self._latest:
            self._queue.add(ref)

    def value_changed(self, ref: ObjectRef) -> None:
        """Take note that a ConfigMap or Secret is another."""
        if ref == ObjectRef("", "ConfigMap", self._home, CONFIG_MAP):
            self._stale = True
            self._look_at_all()

    def _look_at_all(self) -> None:
        for ref in self._latest:
            self._queue.add(ref)

    async def _look(self, ref: ObjectRef) -> None:
        pending = list(self._pending.pop(ref, ()))
        if not pending and (latest := self._latest.get(ref)) is not None:
            pending = [latest]
        try:
            await self._remember(ref)
            configuration = await self._configured()
            while pending:
                body = self._body_of(ref)
                if body is not None and pending[0].phase is not UnitPhase.OBSERVED:
                    for report in with_beginning(body, pending[0], self._operations.get(ref)):
                        await self._tell(ref, self._body_of(ref) or body, report, configuration)
                        self._operations[ref] = report.operation
                del pending[0]
        except Unreachable as error:
            log.warning("notifications wait", object=str(ref), error=str(error))
            if ref in self._latest:
                self._pending[ref] = deque((*pending, *self._pending.get(ref, ())), maxlen=PENDING)
                self._queue.add_after(ref, RETRY_AFTER)

    async def _configured(self) -> Configuration:
        """Give the configuration, read anew where it has changed. Raises `Unreachable`."""
        if self._stale or self._configuration is None:
            self._stale = False
            try:
                data = await self._values.read("ConfigMap", self._home, CONFIG_MAP)
            except Unreachable:
                self._stale = True
                raise
            texts = {key: value.decode(errors="replace") for key, value in (data or {}).items()}
            self._configuration = read_configuration(texts, standard_configuration())
            for problem in self._configuration.problems:
                self._warn(ObjectRef("", "ConfigMap", self._home, CONFIG_MAP), problem)
        return self._configuration

    async def _tell(self, ref: ObjectRef, body: Body, report: UnitReport, configuration: Configuration) -> None:
        app = as_seen(body, report, self._clock.wall(), self._home, self._health.get(ref, {}))
        self._health[ref] = dict(mapping_of(app["status"], "health"))
        project = text_of(mapping_of(body, "spec"), "project") or "default"
        rules = self._body_of(ObjectRef(GROUP, PROJECT_KIND, self._home, project))
        asked, wrong = questions(destinations_of(body, rules, configuration), configuration)
        for words in wrong:
            self._warn(ref, words)
        if not asked:
            return
        facts = facts_of(app, report, configuration.context)
        answers = await self._expressions.conditions(facts, [question.rule.condition for question in asked])
        for question, answer in zip(asked, answers, strict=True):
            if answer.problem is not None and answer.problem.code != "absent":
                self._warn(ref, f"the trigger {question.trigger!r}: {answer.problem.message}")
        before = self._remembered(ref, body)
        due, after = decide(asked, answers, before, configuration, unsettled(report))
        told = await self._write(ref, due, facts, configuration) if due else ()
        now = int(self._clock.wall().timestamp())
        for each in told:
            self._dispatcher.tell(each)
            after = after.having_told(each.key, now)
        if after != before:
            self._written[ref] = (annotations_of(body).get(ANNOTATION, ""), after, False)
            await self._remember(ref)

    async def _write(
        self, ref: ObjectRef, due: tuple[Due, ...], facts: Facts, configuration: Configuration
    ) -> tuple[Notification, ...]:
        """Write all messages that are due; what cannot be written is complained of, and tried again another time."""
        found = await self._values.read("Secret", self._home, SECRET)
        secrets = {key: value.decode(errors="replace") for key, value in (found or {}).items()}
        drafts = []
        for each in due:
            drafted = draft(each, configuration)
            if isinstance(drafted, ExpressionProblem):
                self._warn(ref, drafted.message)
            else:
                drafts.append(drafted)
        knowing = Facts({**facts.variables, "secrets": secrets}, facts.commits, facts.details)
        answers = await self._expressions.templates(knowing, [drafted.request for drafted in drafts])
        told = []
        for drafted, answer in zip(drafts, answers, strict=True):
            if answer.problem is not None:
                names = " and ".join(drafted.due.templates)
                self._warn(ref, without_secrets(f"the template {names}: {answer.problem.message}", secrets))
                continue
            for key in unresolved(drafted.due.service.options, secrets):
                service = drafted.due.service.name
                self._warn(ref, f"the service {service!r} refers to ${key}, which {SECRET} does not have")
            told.append(_notification(ref, compose(drafted, answer.fields), secrets))
        return tuple(told)

    def _remembered(self, ref: ObjectRef, body: Body) -> Remembered:
        """Give what was told, where the watch has not shown our last note of it yet, from memory."""
        text = annotations_of(body).get(ANNOTATION, "")
        written = self._written.get(ref)
        if written is not None and written[0] == text:
            return written[1]
        self._written.pop(ref, None)
        return read_remembered(text)

    async def _remember(self, ref: ObjectRef) -> None:
        """Note on the object what was told, if that is not done yet. Raises `Unreachable`."""
        written = self._written.get(ref)
        if written is None or written[2]:
            return
        text, remembered, _ = written
        await self._marks.mark(ref, ANNOTATION, remembered.text())
        self._written[ref] = (text, remembered, True)

    def _warn(self, ref: ObjectRef, message: str) -> None:
        known = (ref, message)
        if known in self._complained:
            self._complained.move_to_end(known)
            return
        self._complained[known] = None
        while len(self._complained) > COMPLAINTS:
            self._complained.popitem(last=False)
        log.warning("a notification could not be told", object=str(ref), problem=message)
        self._warnings.warn(ref, message)


def _notification(ref: ObjectRef, composed: Composed, secrets: dict[str, str]) -> Notification:
    due = composed.due
    return Notification(
        about=ref,
        key=due.key,
        trigger=due.trigger,
        once=due.once,
        service=due.service.type,
        service_name=due.service.name,
        options=resolved(due.service.options, secrets),
        recipient=due.destination.recipient,
        message=composed.message,
        section=composed.section,
    )
