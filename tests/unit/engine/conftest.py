"""A whole engine on fakes, for each test a new one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.engine import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.engine.start()
    yield made
    await made.engine.stop()
