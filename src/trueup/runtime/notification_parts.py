"""What the notifications of both dialects are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.notification.notification import Dispatcher
from trueup.core.ports import Clock
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.notifications.registry import Service
from trueup.storage.declarations import Declarations
from trueup.storage.kubernetes_events import KubernetesEvents
from trueup.storage.values import ReferencedValues


class NotificationSettings(msgspec.Struct, frozen=True):
    """Argo CD's namespace, the folder for what was sent, whether alerts may be about objects in other namespaces, who
    names the other controller that works on an object, and which controller this is."""

    home: str
    data: Path
    cross_namespace: bool
    managed_by: Callable[[ObjectRef], str]
    identity: str = ""


class Reading(msgspec.Struct, frozen=True):
    """Where users' objects, Secrets and settings are read. `client`'s writes are fenced."""

    client: KubeClient
    mapper: Mapper
    declarations: Declarations
    values: ReferencedValues
    clock: Clock
    settings: NotificationSettings


class NotificationParts(msgspec.Struct, frozen=True):
    """Where is read, who delivers, where Kubernetes events are written, and the services by name."""

    reading: Reading
    dispatcher: Dispatcher
    events: KubernetesEvents
    services: Mapping[str, Service]
