"""Waiting for what a controller makes of one object, by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.problem import Kind, Problem
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.queries.objects import Objects

Answer = TypeVar("Answer")
Progress: TypeAlias = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a command for one object, in words."""

    ref: ObjectRef
    message: str


def silent(text: str) -> None:
    """Tell nobody of the progress."""


async def awaited(cluster: Objects, ref: ObjectRef, read: Callable[[Body], Answer | None], timeout: float) -> Answer:
    """Give what `read` makes of the object as soon as that is something.

    Raises `Problem` where the object goes away, or nothing comes within `timeout` seconds.
    """
    feed = ObjectFeed(
        cluster.client,
        cluster.mapper,
        Selection(ref.group, ref.kind, ref.namespace, selectors={"fieldSelector": f"metadata.name={ref.name}"}),
    )
    found: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def changed(event: str, old: Body | None, new: Body | None) -> None:
        if found.done():
            return
        if new is None:
            found.set_exception(Problem(f"{ref} was deleted meanwhile"))
        elif (answer := read(new)) is not None:
            found.set_result(answer)

    feed.subscribe(changed)
    feed.start()
    try:
        async with asyncio.timeout(timeout):
            return await found
    except TimeoutError:
        hint = "is a controller running? (`trueup run`)"
        raise Problem(f"{ref}: no outcome within {timeout:.0f} s", hint, Kind.TIMED_OUT) from None
    finally:
        await feed.stop()
