"""Whatever can be raised under a question or a command, as one `Problem`: the same words for command line and API."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from trueup.core.model.artifact import SourceError
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import RenderError
from trueup.core.model.state import STATE_KIND, UnitState, state_name
from trueup.core.problem import Kind, Problem
from trueup.core.redaction import redact
from trueup.kube.errors import (
    BadAnswer,
    CertificateError,
    ConnectionConfigError,
    Forbidden,
    KindNotServed,
    KubeError,
    NoConnection,
    NotFound,
    Timeout,
    Unauthorized,
    Unavailable,
)

DEFECT_HINT = "this is a defect of Trueup; TRUEUP_DEBUG=true shows where it is, please report it with that"


class Given(NamedTuple):
    """What was given with a question, so that no hint asks for it again."""

    context: str = ""
    namespace: str = ""


def problem_of(error: Exception, given: Given = Given()) -> Problem:
    """Say in words for people what an error means, and what to do."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, KubeError):
        return Problem(str(error), _hint(error, given), _kind(error))
    if isinstance(error, SourceError):
        return Problem(str(error), "`trueup get sources` shows how sources stand")
    if isinstance(error, RenderError):
        place = f"{error.problem.origin}: " if error.problem.origin else ""
        text = error.problem.message
        return Problem(text if text.startswith(place) else place + text)
    if isinstance(error, msgspec.MsgspecError | UnicodeError):
        return Problem(f"what is stored cannot be read: {redact(str(error))}", "a newer Trueup may have written it")
    if isinstance(error, OSError):
        return Problem(str(error))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    # The error's own words may repeat a secret: they are in the traceback alone.
    return Problem(f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}", DEFECT_HINT)


@contextmanager
def problems(given: Given = Given()) -> Iterator[None]:
    """Raise whatever is raised within as a `Problem`."""
    try:
        yield
    except (Problem, BrokenPipeError):
        # Who reads what is printed has gone: that is the end of the command, and no problem of it.
        raise
    except Exception as error:
        raise problem_of(error, given) from error


def decode_state(ref: ObjectRef, body: Body | None) -> UnitState:
    """Read what is remembered of a unit. Raises `Problem` where that is not what this version has written."""
    try:
        return msgspec.convert((body or {}).get("state") or {}, UnitState)
    except msgspec.MsgspecError as error:
        text = f"what is remembered of {ref} ({STATE_KIND} {state_name(ref)}) cannot be read: {redact(str(error))}"
        raise Problem(text, "a newer Trueup, or somebody, has written it") from error


def _kind(error: KubeError) -> Kind:
    if isinstance(error, ConnectionConfigError | CertificateError | Unavailable | Timeout | BadAnswer):
        return Kind.NO_CLUSTER
    if isinstance(error, Unauthorized | Forbidden):
        return Kind.FORBIDDEN
    return Kind.NOT_FOUND if isinstance(error, NotFound) else Kind.FAILED


def _hint(error: KubeError, given: Given) -> str:
    if isinstance(error, NoConnection | ConnectionConfigError):
        return "`trueup cluster up` starts a cluster on this machine; --kubeconfig and --context name another"
    if isinstance(error, Unauthorized):
        return "the cluster does not know you: sign in again, or name another user by --kubeconfig and --context"
    if isinstance(error, Forbidden) and "impersonate" in error.message:
        return "the unit acts as a service account: have the verb `impersonate` on it granted to you"
    if isinstance(error, Forbidden):
        user = f"the user of context {given.context}" if given.context else "your user"
        less = "" if given.namespace else "; -n NAMESPACE asks for less"
        return f"have the right granted to {user}: docs/rights.md lists what each command needs{less}"
    if isinstance(error, KindNotServed):
        return "`trueup crds | kubectl apply -f -` installs the definitions; a running controller does it too"
    return "check --kubeconfig and --context, and try again"


def no_answer(error: Problem) -> Problem:
    """Give a problem of a question whose answer may be "no", which has the exit code of a failure."""
    return Problem(error.message, error.hint, Kind.BAD_USE) if error.kind is Kind.FAILED else error
