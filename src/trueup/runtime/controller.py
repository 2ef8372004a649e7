"""The only place where parts are put together: a controller made of adapters, ports and the engine.

`Controller.run` waits for the lease, works while it holds it, and begins anew when it was lost: nothing that one tenure
knew is carried into the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import msgspec
import structlog

from trueup.api.artifacts import artifact_routes
from trueup.api.health import Role, health_routes
from trueup.api.metrics import metrics_routes
from trueup.api.server import serving
from trueup.controllers.receivers import Receivers
from trueup.core.model.dialect import Context
from trueup.core.model.objects import ObjectRef
from trueup.core.ports import Clock, EventSink, Fence, Fenced, Unreachable
from trueup.core.repository.helm import HELM
from trueup.dialects import definitions as definitions_of_kinds
from trueup.dialects import dialects, live_options, owner_of, reported
from trueup.dialects.argo.webhook import key_of
from trueup.dialects.credentials import SecretCredentials
from trueup.dialects.metrics import source_observed, source_series, unit_observed, unit_series
from trueup.dialects.upstream_controllers import SELECTOR, claimed, managed_by
from trueup.engine.engine import Engine, EnginePorts
from trueup.history import HistorySettings, keeping
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.crd import DefinitionWatch, ensure_definitions
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.lease import HISTORY, Lease, LeaseTimes
from trueup.kube.transport import Limits, Observer, RequestDone
from trueup.render import RenderSettings, WorkerRenderer
from trueup.render.plugins import known as known_plugins
from trueup.render.plugins import read_plugins
from trueup.runtime.connecting import (
    CONNECT_PAUSE,
    cancelled,
    connected,
    ensure_namespace,
    fenced_client,
    no_other_cluster,
)
from trueup.runtime.declared import asking, configured, options_of, receiver_kind
from trueup.runtime.event_sinks import EventSinks
from trueup.runtime.gauges import history_gauges, leader_gauges
from trueup.runtime.leadership import EventRelay, LeaseFence, SystemClock
from trueup.runtime.notification_parts import NotificationSettings, Reading
from trueup.runtime.notifications import Notifying
from trueup.runtime.replicas import PodRole, standing_of, tell_history, tell_standby
from trueup.runtime.rights import tell_missing_rights
from trueup.runtime.settings import Settings
from trueup.sources.artifacts import ArtifactStore, artifact_quota
from trueup.sources.git import GitSettings, GitSource
from trueup.sources.git.proposals import ProposalSettings, RevertProposals
from trueup.sources.helm import FetchedCharts, allowed_repositories
from trueup.sources.providers import all_providers
from trueup.sources.registry import SourceRegistry
from trueup.storage.admission import ensure_policy
from trueup.storage.declarations import Declarations
from trueup.storage.finalizers import ObjectFinalizers
from trueup.storage.requests import Requests
from trueup.storage.signatures import StateKeys
from trueup.storage.statuses import StatusWriter
from trueup.storage.unit_states import UnitStates
from trueup.storage.upstream_controllers import KnownControllers, UpstreamControllers
from trueup.storage.values import ReferencedValues
from trueup.targets.kubernetes import KubernetesTarget, KubernetesTargets
from trueup.telemetry import Metrics
from trueup.telemetry.event_log import EventLog
from trueup.telemetry.log_files import LogFiles
from trueup.telemetry.tracing import traced
from trueup.webhooks.handler import WebhookDispatcher
from trueup.webhooks.routes import webhook_routes

log = structlog.get_logger(__name__)


class AllSources(NamedTuple):
    """All kinds of sources, and the Git repositories for what only they can do."""

    git: GitSource
    registry: SourceRegistry


class Session(msgspec.Struct, frozen=True):
    """One tenure of the lease: everything that works while it lasts."""

    engine: Engine
    declarations: Declarations
    statuses: StatusWriter
    target: KubernetesTarget
    states: UnitStates
    renderer: WorkerRenderer
    webhook_handler: WebhookDispatcher


class Controller:
    """A controller of one cluster. Use `run`, or `session` where a lease is held already."""

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        clock: Clock | None = None,
        log_files: LogFiles | None = None,
    ) -> None:
        """Take the settings, who is told of every request to the API server, the clock that decisions go by, and where
        the log is kept."""
        self.settings = settings
        self._clock = clock or SystemClock()
        self.identity = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
        self._observer = observer
        self.metrics = Metrics(unit_series, source_series, settings.metrics_per_object, unit_observed, source_observed)
        self.session: Session | None = None
        self._log_files = log_files
        self.ready = asyncio.Event()
        self.address = ""
        """Where it listens while it runs."""

    async def run(self) -> None:
        """Work until cancelled."""
        settings = self.settings
        async with AsyncExitStack() as stack:
            # It outlives a tenure of the lease, and every event_sink of one tenure.
            history = HistorySettings(settings.data / "history", settings.history, settings.kept)
            tell_history(history)
            kept = await stack.enter_async_context(keeping(history, self.identity))
            self.metrics.add(*history_gauges(kept))
            event_log = EventLog(self._clock.now)
            event_sink = EventSinks((kept, self.metrics, event_log, *await stack.enter_async_context(traced())))
            connection = default_connection(settings.kubeconfig, settings.context)
            client = await stack.enter_async_context(
                KubeClient(connection, Limits(in_flight=settings.in_flight), self._requested)
            )
            mapper = Mapper(client)
            await connected(mapper)
            await tell_missing_rights(client, settings.namespace)
            definitions = DefinitionWatch(client, mapper)
            definitions.start()
            stack.push_async_callback(definitions.stop)
            # It has a client of its own: no storm of other requests delays its renewal.
            leading = await stack.enter_async_context(KubeClient(connection, Limits(in_flight=2), self._requested))
            lease, pod = self._lease(leading, history), PodRole(leading)
            renewing = asyncio.create_task(lease.run(), name="lease")
            stack.push_async_callback(cancelled, renewing)
            stack.push_async_callback(cancelled, asyncio.create_task(self._first_seen(lease, pod, history)))
            git = await stack.enter_async_context(GitSource(GitSettings.from_environment(settings.data / "git")))
            providers = all_providers(git)
            plugins = await asyncio.to_thread(read_plugins, settings.plugins) if settings.plugins else ()
            rendering = RenderSettings(workers=settings.workers, plugins=plugins)
            renderer = await stack.enter_async_context(WorkerRenderer(rendering))
            store = ArtifactStore(settings.data / "artifacts", settings.advertise, artifact_quota())
            # Artifacts come last: their route fits every path.
            hooks = webhook_routes(lambda: self.session.webhook_handler if self.session else None)
            if settings.webhooks_listen:
                log.info("webhooks", address=await stack.enter_async_context(serving(settings.webhooks_listen, hooks)))
                hooks = []
            measured = metrics_routes(self.metrics.registry)
            if settings.metrics_listen:
                log.info("metrics", address=await stack.enter_async_context(serving(settings.metrics_listen, measured)))
                measured = []
            routes = [
                *health_routes(lambda: standing_of(lease, self.ready.is_set())),
                *measured,
                *hooks,
                *artifact_routes(store),
            ]
            address = await stack.enter_async_context(serving(settings.listen, routes))
            self.address = address
            log.info("listening", address=address)
            store.base_url = settings.advertise or address
            while True:
                await self._elected(client, mapper, lease)
                # A Lease that was deleted meanwhile is another one now.
                self._keep_log(lease)
                fence = LeaseFence(lease)
                sources = AllSources(git, SourceRegistry(providers, store))
                try:
                    async with self._working(client, mapper, fence, sources, renderer, event_sink) as session:
                        self.session = session
                        self.ready.set()
                        await pod.show(Role.LEADER)
                        await lease.lost.wait()
                except (KubeError, Fenced, Unreachable) as error:
                    log.warning("could not begin to work; trying again", error=str(error))
                    await asyncio.sleep(CONNECT_PAUSE)
                finally:
                    self.ready.clear()
                    self.session = None
                    self.metrics.rest()
                    await pod.show(Role.STANDBY)

    async def _first_seen(self, lease: Lease, pod: PodRole, history: HistorySettings) -> None:
        """Once the lease was seen: keep the log of this cluster, and say so where another leads."""
        await lease.seen.wait()
        self._keep_log(lease)
        if not lease.held.is_set():
            await pod.show(Role.STANDBY)
        await tell_standby(lease, history)

    def _keep_log(self, lease: Lease) -> None:
        if self._log_files is not None and lease.uid:
            self._log_files.open(lease.uid, self.identity)

    def _requested(self, done: RequestDone) -> None:
        self.metrics.requested(done.verb, done.code, done.seconds)
        if self._observer is not None:
            self._observer(done)

    async def _elected(self, client: KubeClient, mapper: Mapper, lease: Lease) -> None:
        """Wait until the lease is held; its namespace is made if it is not there, or has gone."""
        said = ""
        while not lease.held.is_set():
            try:
                await ensure_namespace(client, mapper, self.settings.namespace)
            except KubeError as error:
                if said != (said := str(error)):
                    log.warning("the lease's namespace could not be made; trying again", error=said)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONNECT_PAUSE):
                    await lease.held.wait()

    def _lease(self, client: KubeClient, history: HistorySettings) -> Lease:
        settings, seconds = self.settings, self.settings.lease_seconds
        times = LeaseTimes(seconds, seconds * 2 / 3, seconds / 8)
        made = Lease(client, settings.namespace, settings.lease, self.identity, times)
        made.annotations[HISTORY] = history.place
        return made

    @asynccontextmanager
    async def _working(
        self,
        client: KubeClient,
        mapper: Mapper,
        fence: Fence,
        sources: AllSources,
        renderer: WorkerRenderer,
        event_sink: EventSink,
    ) -> AsyncIterator[Session]:
        """Put the parts together for one tenure, begin to work, and stop all of it at the end."""
        settings = self.settings
        fenced = client.fenced(fence.check)
        if settings.install_definitions:
            await ensure_definitions(fenced, definitions_of_kinds(), mapper=mapper)
        context = Context(
            home=settings.home,
            poll=settings.poll,
            jitter=settings.jitter,
            cross_namespace=settings.cross_namespace,
            default_service_account=settings.default_service_account,
            age_keys=(settings.namespace, settings.sops_age_secret) if settings.sops_age_secret else None,
            returns=settings.rollback,
            taken_over=settings.taken_over,
            plugins=known_plugins(renderer.plugins),
            proven=await ensure_policy(fenced, asking(), install=settings.install_definitions),
        )
        clock = self._clock
        listener = EventRelay()
        known = dialects(settings.home)
        declarations = Declarations(client, mapper, known, context)
        upstream_controllers = UpstreamControllers(
            client,
            mapper,
            KnownControllers(SELECTOR, managed_by, claimed),
            declarations.body,
            listener.upstream_controllers_changed,
        )
        states = UnitStates(fenced, StateKeys(fenced, settings.namespace))
        statuses = StatusWriter(
            fenced, mapper, clock, declarations.body, declarations.dialect_of, upstream_controllers.owner
        )
        values = ReferencedValues(client, mapper, listener.value_changed)

        def target_of(client: KubeClient, mapper: Mapper, changed: Callable[[ObjectRef], None]) -> KubernetesTarget:
            return KubernetesTarget(client, mapper, lambda body: owner_of(body, known), live_options, changed)

        target = target_of(fenced, mapper, listener.object_changed)
        targets = KubernetesTargets(
            target,
            no_other_cluster,
            partial(fenced_client, fence=fence, limits=Limits(in_flight=settings.in_flight)),
            target_of,
            listener.object_changed,
            listener.cluster_changed,
        )
        credentials = SecretCredentials(values, lambda: values.all("Secret", settings.home), settings.home)
        notification_settings = NotificationSettings(
            settings.home, settings.data, settings.cross_namespace, upstream_controllers.owner, self.identity
        )
        reading = Reading(fenced, mapper, declarations, values, clock, notification_settings)
        notifying = Notifying(reading, renderer.expressions())
        ports = EnginePorts(
            sources=sources.registry,
            credentials=credentials,
            renderer=renderer,
            targets=targets,
            states=states,
            values=values,
            reports=statuses,
            event_sink=EventSinks((event_sink, notifying)),
            finalizers=ObjectFinalizers(fenced, mapper, declarations.body),
            clock=clock,
            fence=fence,
            options_of=options_of(declarations),
            body_of=declarations.body,
            managed_by=upstream_controllers.owner,
            reported_of=lambda unit: reported(declarations.body(unit.ref)),
            charts=FetchedCharts(sources.registry.of(HELM), credentials.of_charts, allowed_repositories()),
            proposals=RevertProposals(
                sources.git, credentials, listener.declaration_of, ProposalSettings.from_environment()
            ),
        )
        engine = Engine(ports, self.identity)
        listener.engine = engine
        mapper.on_change(engine.cluster_changed)
        async with AsyncExitStack() as stack:
            stack.callback(mapper.off_change, engine.cluster_changed)
            await states.start()
            stack.push_async_callback(states.stop)
            await values.follow("Secret", settings.home)
            await values.follow("ConfigMap", settings.home)
            values.on_change(partial(configured, values, declarations, settings.home))
            configured(values, declarations, settings.home)
            stack.push_async_callback(target.stop)
            stack.push_async_callback(targets.stop)
            stack.push_async_callback(values.stop)
            stack.push_async_callback(declarations.stop)
            await stack.enter_async_context(notifying.working())
            stack.push_async_callback(statuses.stop)
            stack.push_async_callback(engine.stop)
            stack.push_async_callback(upstream_controllers.stop)
            await upstream_controllers.start()
            statuses.start()
            if await declarations.start(engine):
                states.sweep(frozenset(unit.uid for unit in engine.registry.all()))
                sources.registry.sweep()
            await engine.start()
            requests = Requests(client, mapper, states, engine.request, proven=context.proven)
            stack.push_async_callback(requests.stop)
            await requests.start()
            receivers = Receivers(fenced, mapper, receiver_kind(settings), values, clock, upstream_controllers.owner)
            stack.push_async_callback(receivers.stop)
            await receivers.start()
            listener.webhook_handler = webhook_handler = WebhookDispatcher(
                receivers,
                engine,
                renderer,
                declarations.body,
                lambda name, key: key_of(values.all("Secret", settings.home), name, key),
            )
            self.metrics.add(*leader_gauges(engine, notifying.dispatcher.delivered, renderer, target))
            log.info("working", identity=self.identity)
            if not settings.default_service_account:
                log.warning(
                    "Kustomizations that name no service account are delivered with the controller's own rights",
                    hint="where tenants write them, set --default-service-account",
                )
            yield Session(engine, declarations, statuses, target, states, renderer, webhook_handler)
