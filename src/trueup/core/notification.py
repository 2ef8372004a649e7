"""What people and other systems are told, through which channel, and the seams of those who word it and carry it.

An `Announcer` turns an event of the engine into posts: Flux's Alerts are one, Argo CD's triggers another. The rules of
delivery (once, grouped, retried) are in `trueup.notify` and know neither; a `Service` carries one message to one
provider. No secret stands in any value here but `OpenChannel`, which lives only while a message is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from trueup.core.artifact import CommitInfo
from trueup.core.events import Event
from trueup.core.objects import ObjectRef
from trueup.core.redaction import redact


class Severity(StrEnum):
    """How bad it is; the words are Flux's."""

    TRACE = "trace"
    INFO = "info"
    ERROR = "error"


class SecretKey(msgspec.Struct, frozen=True):
    """One key of a Secret, read when a message is sent. An optional one that is not there reads as empty."""

    namespace: str
    name: str
    key: str
    optional: bool = False


class Sealed(msgspec.Struct, frozen=True):
    """A text of which parts stand in Secrets: `https://hooks.example/` and a key make one address."""

    parts: tuple[str | SecretKey, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything in it."""
        return bool(self.parts)


class Channel(msgspec.Struct, frozen=True):
    """A place to tell things to: a provider's service with its address and one recipient.

    `service` is the name it is registered under (`slack`, `generic-hmac`…). `name` is its own identity, for status,
    logs and what is remembered: the same for as long as the user means the same place. `owner` is the object that
    declares it, whose status says how it fares. `recipient` is a room, an address, a user, a service's key: what a
    post to this service names. `credentials` are what the service calls them (`token`, `username`, `password`;
    `headers` is a YAML map); `ca`, `certificate` and `key` are PEM. `options` are other settings of that service.
    `timeout` is in seconds. `problem` says why nothing can be sent through it, empty for a good one.
    """

    service: str
    name: str
    owner: ObjectRef | None = None
    address: Sealed = Sealed()
    recipient: str = ""
    username: str = ""
    credentials: Mapping[str, Sealed] = {}
    headers: tuple[tuple[str, Sealed], ...] = ()
    proxy: Sealed = Sealed()
    ca: Sealed = Sealed()
    certificate: Sealed = Sealed()
    key: Sealed = Sealed()
    insecure: bool = False
    timeout: float = 15.0
    options: Mapping[str, Any] = {}
    problem: str = ""


class OpenChannel(msgspec.Struct, frozen=True):
    """A channel with its secrets in clear, for the time of one sending. Never log it, never put it into an error."""

    channel: Channel
    address: str = ""
    credentials: Mapping[str, str] = {}
    headers: tuple[tuple[str, str], ...] = ()
    proxy: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    secrets: frozenset[str] = frozenset()

    def redact(self, text: str) -> str:
        """Take every secret of this channel out of a text."""
        return redact(text, sorted(self.secrets, key=len, reverse=True))


class Member(msgspec.Struct, frozen=True):
    """One of several things that one message tells: what it is about, and its own line."""

    about: ObjectRef
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of news, in words that every service can show.

    `about` is the object it concerns, of `version` (`v1`, without the group) and `uid`. `reason` is one word for
    programs, `text` the sentence for people, `title` a short headline. `group`: messages of the same group on one
    channel that come within a moment are told as one, where the service is read by people; empty: never. `thread`:
    later messages of the same thread continue the earlier (a thread, an incident that is resolved, an alert that
    ends). `recovered`: it takes back an earlier error of that thread. `progress`: more on this thread is to come.
    `fields` are facts for a table, `metadata` what receivers of Flux's events get. `project` and `actor` are told
    where known. `commit_status` is the id under which a commit's status is set. `url` leads to more. `members` are
    the single news where several were told as one.

    `payload` is content that was already rendered for one service, by the service's name, in that service's own
    words (`slack`: `attachments`, `blocks`, `groupingKey`, `notifyBroadcast`, `deliveryPolicy`; `email`: `subject`,
    `body`; `webhook`: by its name `method`, `path`, `body`; …): it goes before what the service would make of the
    rest. `event` is the body for services that take Flux's events as they are.
    """

    about: ObjectRef
    reason: str
    text: str
    at: datetime
    severity: Severity = Severity.INFO
    title: str = ""
    version: str = ""
    uid: str = ""
    group: str = ""
    thread: str = ""
    recovered: bool = False
    progress: bool = False
    revision: str = ""
    commit: CommitInfo | None = None
    repository: str = ""
    project: str = ""
    actor: str = ""
    url: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, str] = {}
    summary: str = ""
    commit_status: str = ""
    members: tuple[Member, ...] = ()
    payload: Mapping[str, Any] = {}
    event: Mapping[str, Any] | None = None


class Post(msgspec.Struct, frozen=True):
    """A message for a channel, and how to tell whether it was told before.

    For each channel and `topic` (a unit's readiness; a trigger's condition on an Application) the last `key` that was
    told is remembered, also across restarts: a post with the same key is no news. Without a `message` the topic is
    over: nothing is sent, and the next key is news again, whichever it is. `baseline`: the state found after a start.
    It is told only where another key was remembered for the topic; where none was, it is remembered silently.
    """

    channel: Channel
    topic: str
    key: str = ""
    message: Message | None = None
    baseline: bool = False


class Announcer(Protocol):
    """Words events: one source of posts."""

    async def announce(self, event: Event) -> Sequence[Post]:
        """Give what is to be told of an event, and to whom.

        It may wait for a worker, but not for long: the next event waits for it. Whatever it raises is logged, and
        the event is told to nobody by this announcer.
        """
        ...


class Receipt(msgspec.Struct, frozen=True):
    """What a service gave for a message that it has taken. `id` finds it again (a Slack message's `channel:ts`)."""

    id: str = ""


class DeliveryError(Exception):
    """A message was not delivered. The text holds no secret.

    `retry` says whether time alone may help; `after` is how many seconds the provider wants to be left alone.
    """

    def __init__(self, text: str, retry: bool = False, after: float | None = None) -> None:
        super().__init__(text)
        self.retry = retry
        self.after = after


class Service(Protocol):
    """A kind of provider that messages can be carried to. Registered by name in `trueup.notifiers`.

    `grouped`: people read it, so that several news of one group may be told as one. Machines get each.
    """

    grouped: bool

    def check(self, channel: Channel) -> str:
        """Say what is missing or wrong in a channel of this service, as far as can be seen; empty for nothing."""
        ...

    async def send(self, message: Message, channel: OpenChannel, earlier: Receipt | None) -> Receipt:
        """Deliver a message; `earlier` is the receipt of the last one of its thread. Raises `DeliveryError`."""
        ...
