"""The way from one shape of the tables to the next (Alembic)."""
