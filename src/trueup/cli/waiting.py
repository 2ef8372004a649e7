"""Waiting for what a controller makes of one object, by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from trueup.cli.access import Access
from trueup.cli.problems import TIMED_OUT, Problem
from trueup.core.objects import Body, ObjectRef
from trueup.kube.feed import ObjectFeed

Answer = TypeVar("Answer")


async def awaited(cluster: Access, ref: ObjectRef, read: Callable[[Body], Answer | None], timeout: float) -> Answer:
    """Give what `read` makes of the object as soon as that is something.

    Raises `Problem` where the object goes away, or nothing comes within `timeout` seconds.
    """
    feed = ObjectFeed(
        cluster.client, cluster.mapper, ref.group, ref.kind, ref.namespace, field_selector=f"metadata.name={ref.name}"
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
        raise Problem(f"{ref}: no outcome within {timeout:.0f} s", hint, TIMED_OUT) from None
    finally:
        await feed.stop()
