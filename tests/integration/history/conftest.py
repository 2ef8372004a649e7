"""Every test of the history runs on both back ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from support.postgres import NoPostgres, Postgres
from trueup.history.databases import migrate, open_database, read_url


@pytest.fixture(scope="session", name="postgres")
def a_postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except NoPostgres as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"], name="url")
def a_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture(name="engine")
def an_engine(url: str) -> Iterator[Engine]:
    """A database with its tables."""
    engine = open_database(read_url(url))
    migrate(engine)
    yield engine
    engine.dispose()
