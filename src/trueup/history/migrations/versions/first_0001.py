"""The first shape: entries in chains, checkpoints, and the index of terms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
VALUE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=key, autoincrement=False, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _short(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, ID, nullable=False, unique=unique)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "entries",
        _number("number", key=True),
        _short("id", unique=True),
        _number("at"),
        _text("writer"),
        _number("link"),
        _short("digest"),
        _short("before_digest"),
        _short("before_id"),
        _number("before_at"),
        _text("entry"),
        sa.UniqueConstraint("writer", "link", name="entries_chain"),
    )
    op.create_index("entries_at", "entries", ["at", "number"])
    op.create_table(
        "chains",
        sa.Column("writer", sa.Text, primary_key=True),
        _number("link"),
        _short("digest"),
        _short("id"),
        _number("at"),
    )
    op.create_table(
        "checkpoints",
        _number("number", key=True),
        _text("writer"),
        _number("link"),
        _short("digest"),
        _short("id"),
        _number("at"),
        _number("removed"),
        _number("first_at"),
        _number("made"),
        _short("seal"),
    )
    op.create_table(
        "terms",
        _number("id", key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("value", VALUE, nullable=False),
    )
    op.create_index("terms_value", "terms", ["kind", "value"])
    op.create_table(
        "mentions",
        _number("term", key=True),
        _number("at", key=True),
        _number("number", key=True),
        sqlite_with_rowid=False,
    )
