"""What alembic runs: the versions on the connection it was given."""

from alembic import context

from labelmetrics.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
