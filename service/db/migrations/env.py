"""Alembic's entry: runs on the connection that `service.db.migrate` hands over."""

from alembic import context

from service.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
context.run_migrations()
