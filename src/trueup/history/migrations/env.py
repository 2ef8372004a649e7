"""Runs migrations on the connection that `databases.migrate` gives, inside its transaction."""

from alembic import context

from trueup.history.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
