"""The tables of the history. Their present shape; `migrations/` holds the way there, and a test keeps both the same.

`entries` holds every entry as canonical JSON with its place in its writer's chain; `mentions` is the index over it, by
term, newest last, so that each question walks one stretch of it. Times are microseconds since 1970 (UTC).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, SmallInteger, String, Table, Text, UniqueConstraint

METADATA = MetaData()
VALUE = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is ordered by its bytes on every back end, so that a prefix is a range."""

ID = String(64).with_variant(String(64, collation="C"), "postgresql")

ENTRIES = Table(
    "entries",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", ID, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("writer", Text, nullable=False),
    Column("link", BigInteger, nullable=False),
    Column("digest", ID, nullable=False),
    Column("before_digest", ID, nullable=False),
    Column("before_id", ID, nullable=False),
    Column("before_at", BigInteger, nullable=False),
    Column("entry", Text, nullable=False),
    UniqueConstraint("writer", "link", name="entries_chain"),
    Index("entries_at", "at", "number"),
)

CHAINS = Table(
    "chains",
    METADATA,
    Column("writer", Text, primary_key=True),
    Column("link", BigInteger, nullable=False),
    Column("digest", ID, nullable=False),
    Column("id", ID, nullable=False),
    Column("at", BigInteger, nullable=False),
)

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", Text, nullable=False),
    Column("link", BigInteger, nullable=False),
    Column("digest", ID, nullable=False),
    Column("id", ID, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("seal", ID, nullable=False),
)

TERMS = Table(
    "terms",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("value", VALUE, nullable=False),
    Index("terms_value", "kind", "value"),
)

MENTIONS = Table(
    "mentions",
    METADATA,
    Column("term", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
