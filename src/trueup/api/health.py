"""Saying how the controller is: `GET /healthz` while the process answers, `GET /readyz` while it works or stands by.

Of several replicas one works. The others stand by, and are ready too: they would take over, and a Deployment that waits
for all of its replicas rolls out. The answer says which one this is, and who leads. Only the leader has artifacts and
takes webhooks: to a standby, `GET /leaderz` says no, and routes of the leader's answer with 503.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec
from aiohttp import web


class Role(StrEnum):
    """What a controller is doing."""

    LEADER = "leader"
    """It holds the lease and works."""

    STANDBY = "standby"
    """Another holds the lease."""

    STARTING = "starting"
    """The cluster is not reached yet, or it holds the lease and does not work yet."""


class Standing(msgspec.Struct, frozen=True):
    """What a controller is doing, and who leads."""

    role: Role
    leader: str = ""

    @property
    def words(self) -> str:
        """Say it in one line."""
        if self.role is Role.LEADER:
            return "leader"
        if self.role is Role.STANDBY:
            return f"standby, leader is {self.leader}"
        return "starting: the cluster is not reached, or what is declared is not read yet"


def health_routes(standing: Callable[[], Standing]) -> list[web.RouteDef]:
    """Give the routes; `standing` says what this controller is doing at this moment."""

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        now = standing()
        return web.Response(text=f"{now.words}\n", status=503 if now.role is Role.STARTING else 200)

    async def leads(_: web.Request) -> web.Response:
        now = standing()
        return web.Response(text=f"{now.words}\n", status=200 if now.role is Role.LEADER else 503)

    return [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/leaderz", leads)]
