"""The two databases that the history can lie in: a SQLite file by default, PostgreSQL by URL.

SQLite: WAL, so that readers and the one writer never wait for each other; `synchronous=NORMAL` loses at most the last
transactions with the machine's power and never the file, and what was not stored still lies in the spool. Writers take
the lock at the beginning of a transaction, so that none fails in the middle of it.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from trueup.core.redaction import redact

BUSY_SECONDS = 10.0
"""How long a transaction waits for another one's lock."""

STATEMENT_SECONDS = 60
CONNECT_SECONDS = 5
LOCK = 0x7472_7565
"""The number of the advisory lock under which PostgreSQL's writers take turns."""

_MIGRATIONS = Path(__file__).parent / "migrations"


class HistoryUnavailable(Exception):
    """The history's database could not be read or written. The message says why; no password stands in it."""


def read_url(text_: str) -> URL:
    """Read `sqlite:///PATH`, `postgresql://…` or a plain path of a SQLite file. Raises `HistoryUnavailable`."""
    if "://" not in text_:
        return URL.create("sqlite", database=text_)
    try:
        url = make_url(text_)
    except (ArgumentError, ValueError) as error:
        raise HistoryUnavailable(f"the history's URL cannot be read: {redact(str(error))}") from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise HistoryUnavailable(f"{url.drivername} is no database of the history: use sqlite:/// or postgresql://")
    return url


def place_of(url: URL) -> str:
    """Name a database so that it is known again from another machine: without a password, a file with its host."""
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql", password=None, query={}).render_as_string()
    return f"{Path(url.database or '').absolute()} on {socket.gethostname()}"


def open_database(url: URL, *, read_only: bool = False) -> Engine:
    """Give an engine for the database; nothing is connected yet. Raises `HistoryUnavailable`."""
    if url.get_backend_name() == "postgresql":
        readonly = " -c default_transaction_read_only=on" if read_only else ""
        options = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={int(BUSY_SECONDS)}s{readonly}"
        arguments = {
            "connect_timeout": CONNECT_SECONDS,
            "options": options,
            "application_name": "trueup",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        }
        return create_engine(url, connect_args=arguments, pool_size=2, max_overflow=0, pool_pre_ping=True)
    path = Path(url.database or "")
    if read_only and not path.is_file():
        raise HistoryUnavailable(f"there is no history at {path}")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    _tune(engine, read_only)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables to their present shape. Safe when several start at once: they take turns.

    A SQLite file's folder is made if absent. Raises `SQLAlchemyError` and `OSError`.
    """
    # Only who writes needs it, and it takes as long to import as all the rest of a command.
    from alembic import command
    from alembic.config import Config

    if engine.url.get_backend_name() == "sqlite":
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        take_turn(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def take_turn(connection: Connection) -> None:
    """Wait until no other writer is in a transaction, and keep others out until this one ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, leaving out those whose key is there already."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def told(error: SQLAlchemyError | OSError) -> str:
    """Say what a database complained of, in one line without any password."""
    cause = getattr(error, "orig", None) or error
    return redact(" ".join(str(cause).split()))[:500]


def _tune(engine: Engine, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        if read_only:
            cursor.execute("pragma query_only=on")
            # Only here: an I/O error behind a mapping kills the process, which must not be the controller.
            cursor.execute("pragma mmap_size=268435456")
        else:
            cursor.execute("pragma journal_mode=wal")
            cursor.execute("pragma synchronous=normal")
            cursor.execute("pragma journal_size_limit=67108864")
        cursor.execute("pragma cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("begin" if read_only else "begin immediate")
