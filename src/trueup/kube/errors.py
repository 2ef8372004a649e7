"""What can go wrong with a request to an API server, typed by what to do next.

Every error keeps the API server's own words. `next_step` says what helps: `retry` (the same again, later), `refetch`
(read the object again, then decide) or `stall` (someone has to change something). Client libraries' exceptions are
translated here and kept as the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from trueup.core import ports
from trueup.core.wording import cut

NextStep: TypeAlias = Literal["retry", "refetch", "stall"]

_MAX_MESSAGE = 4000


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cause as the API server gave it: the field's path, a machine's reason, and its words."""

    field: str = ""
    reason: str = ""
    message: str = ""


class StatusDetails(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The details of a `Status`: which object, the causes, and after how many seconds to come back."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] | None = None
    retry_after_seconds: int | None = None


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `Status` object as API servers answer with (what is read of it)."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: StatusDetails | None = None


class KubeError(Exception):
    """A request to a cluster failed.

    `message` is for people, `what` names the request (`apply Deployment/shop/web`), `status` is the API server's
    answer where there was one, `retry_after` the pause in seconds that it asked for (0: none).
    """

    next_step: ClassVar[NextStep] = "stall"

    def __init__(
        self, message: str, *, what: str = "", code: int = 0, status: Status | None = None, retry_after: float = 0.0
    ) -> None:
        """Take the words for people and what is known of the answer."""
        self.message = cut(message, _MAX_MESSAGE)
        self.what = what
        self.code = code
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"{what}: {self.message}" if what else self.message)

    @property
    def retriable(self) -> bool:
        """Whether trying again can help without anyone changing anything."""
        return self.next_step != "stall"

    @property
    def reason(self) -> str:
        """The API server's machine-readable reason, or this error's name."""
        return (self.status.reason if self.status else "") or type(self).__name__

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The API server's causes, each with its field."""
        details = self.status.details if self.status else None
        return (details.causes or ()) if details else ()


class BadRequest(KubeError):
    """400: the API server cannot make sense of the request or the object."""


class Unauthorized(KubeError):
    """401: the credentials are not accepted."""


class Forbidden(KubeError):
    """403: RBAC or an admission plugin says no."""


class QuotaExceeded(Forbidden):
    """403: a resource quota is used up; it may be freed."""

    next_step = "retry"


class NamespaceTerminating(Forbidden):
    """403: the namespace is being deleted; afterwards it can be made again."""

    next_step = "retry"


class NotFound(KubeError):
    """404 for an object: the API server knows the kind and says that this object (or its namespace) is not there."""


class KindNotServed(KubeError):
    """404 for a path, or no such kind in discovery: the cluster does not serve this resource (now). Never `missing`."""

    next_step = "retry"


class KindUnavailable(KubeError):
    """The kind's aggregated API is registered and does not answer: nothing is known about its objects."""

    next_step = "retry"


class MethodNotAllowed(KubeError):
    """405: the resource does not support this verb."""


class AlreadyExists(KubeError):
    """409: an object of that name is there already."""

    next_step = "refetch"


class Conflict(KubeError):
    """409: the object has changed since it was read, or a precondition does not hold."""

    next_step: ClassVar[NextStep] = "refetch"


class FieldConflict(Conflict):
    """409 of a server-side apply without force: other managers own fields with other values (`causes` names them)."""

    next_step = "stall"


class Gone(KubeError):
    """410: the resourceVersion or continue token is too old: list again."""

    next_step = "refetch"


class TooLarge(KubeError):
    """413: the object or the request is larger than the API server or etcd takes."""


class Unsupported(KubeError):
    """406 or 415: the server does not speak the asked-for encoding or patch type for this resource."""


class Invalid(KubeError):
    """422: the object is refused; `causes` has the fields and the API server's own words."""

    @property
    def immutable(self) -> bool:
        """Whether every cause is a field that cannot be changed, so that only recreating the object helps."""
        causes = self.causes
        return bool(causes) and all(is_immutable(cause) for cause in causes)


class WebhookDenied(KubeError):
    """An admission webhook or policy refused the object, on purpose."""


class WebhookFailed(KubeError):
    """An admission webhook could not be asked, and its policy is to refuse then."""

    next_step = "retry"


class TooManyRequests(KubeError):
    """429: the API server asks for a pause."""

    next_step = "retry"


class EvictionBlocked(TooManyRequests):
    """429 of an eviction: a disruption budget does not allow it now."""


class ServerError(KubeError):
    """5xx: the API server failed inside."""

    next_step = "retry"


class Unavailable(KubeError):
    """503, or no connection: the API server (or what it depends on) is not there now."""

    next_step = "retry"


class NoConnection(Unavailable):
    """Nobody answers at the API server's address."""


class Timeout(KubeError):
    """504, or no answer in time. A write may or may not have happened."""

    next_step = "retry"


class BadAnswer(KubeError):
    """The answer is not what an API server gives: a proxy's page, cut-off JSON, too much of it."""

    next_step = "retry"


class CertificateError(KubeError):
    """The server's certificate is not accepted."""


class Fenced(KubeError, ports.Fenced):
    """Not sent: this process may not write any more (its lease is lost)."""

    next_step = "retry"


class ConnectionConfigError(KubeError):
    """A kubeconfig or service account cannot be used; the message says which part and why."""


_IMMUTABLE_WORDS = (
    "field is immutable",
    "is immutable",
    "may not change once set",
    "may not be changed",
    "cannot be changed",
    "updates to statefulset spec for fields other than",
    "spec is immutable after creation",
    "forbidden: updates to",
    "can not be updated",
)


def is_immutable(cause: Cause) -> bool:
    """Say whether a cause is about a field that cannot be changed in place."""
    words = cause.message.lower()
    return any(word in words for word in _IMMUTABLE_WORDS)


_BY_REASON: dict[str, type[KubeError]] = {
    "BadRequest": BadRequest,
    "Unauthorized": Unauthorized,
    "Forbidden": Forbidden,
    "MethodNotAllowed": MethodNotAllowed,
    "NotAcceptable": Unsupported,
    "UnsupportedMediaType": Unsupported,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Gone": Gone,
    "Expired": Gone,
    "RequestEntityTooLarge": TooLarge,
    "Invalid": Invalid,
    "TooManyRequests": TooManyRequests,
    "ServiceUnavailable": Unavailable,
    "ServerTimeout": Timeout,
    "Timeout": Timeout,
    "InternalError": ServerError,
}

_BY_CODE: dict[int, type[KubeError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: KindNotServed,
    405: MethodNotAllowed,
    406: Unsupported,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: Unsupported,
    422: Invalid,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Timeout,
}

_DECODER = msgspec.json.Decoder(Status)


def read_status(raw: bytes) -> Status | None:
    """Read a `Status`, `None` where the bytes are something else."""
    try:
        status = _DECODER.decode(raw)
    except msgspec.MsgspecError:
        return None
    return status if status.status or status.reason or status.message else None


def error_of(
    code: int, raw: bytes, *, what: str = "", retry_after: float = 0.0, told: Callable[[str], str] = str
) -> KubeError:
    """Give the error that an answer with this HTTP code and body means; its words are those that `told` gives."""
    status = read_status(raw)
    if status is None:
        kind = _BY_CODE.get(code) or (ServerError if code >= 500 else BadAnswer)
        words = told(raw[:300].decode("utf-8", "replace")).strip() or "no explanation"
        return kind(f"HTTP {code}: {words}", what=what, code=code, retry_after=retry_after)
    if status.details and status.details.retry_after_seconds:
        retry_after = max(retry_after, float(status.details.retry_after_seconds))
    kind = _kind_of(code, status)
    status = _told(status, told)
    message = status.message or status.reason or f"HTTP {code}"
    return kind(message, what=what, code=code, status=status, retry_after=retry_after)


def _told(status: Status, told: Callable[[str], str]) -> Status:
    """Give a status in which no word stands that is not to be told."""
    details = status.details
    if details is not None and details.causes:
        causes = tuple(msgspec.structs.replace(each, message=told(each.message)) for each in details.causes)
        details = msgspec.structs.replace(details, causes=causes)
    return msgspec.structs.replace(status, message=told(status.message), details=details)


def _kind_of(code: int, status: Status) -> type[KubeError]:
    words = status.message.lower()
    causes: tuple[Cause, ...] = (status.details.causes or ()) if status.details else ()
    reasons = {cause.reason for cause in causes}
    if "failed calling webhook" in words or "failed to call webhook" in words:
        return WebhookFailed
    if "denied the request" in words and ("admission webhook" in words or "validatingadmissionpolicy" in words):
        return WebhookDenied
    if code == 404 or status.reason == "NotFound":
        # For an unknown path the server says NotFound too, but cannot name an object.
        return NotFound if status.details and status.details.name else KindNotServed
    if code == 403:
        if "NamespaceTerminating" in reasons:
            return NamespaceTerminating
        if "exceeded quota" in words:
            return QuotaExceeded
    if code == 409 and "FieldManagerConflict" in reasons:
        return FieldConflict
    if code == 429 and "DisruptionBudget" in reasons:
        return EvictionBlocked
    if code == 500 and ("etcdserver: request timed out" in words or "etcdserver: leader changed" in words):
        return Unavailable
    if code == 500 and "failed to create typed patch object" in words:
        # Server-side apply of an object that does not fit its schema: the user's to mend, whatever the code says.
        return BadRequest
    if code == 500 and "request is too large" in words:
        return TooLarge
    known = _BY_REASON.get(status.reason) or _BY_CODE.get(code)
    return known or (ServerError if code >= 500 else BadRequest)


def describe_causes(error: KubeError) -> str:
    """Give the causes as one line for people, or the message where there are none."""
    parts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in error.causes]
    return "; ".join(parts) or error.message


def status_body(error: KubeError) -> dict[str, Any]:
    """Give the API server's `Status` as JSON, for programs that show it."""
    return msgspec.to_builtins(error.status) if error.status else {"message": error.message, "code": error.code}
