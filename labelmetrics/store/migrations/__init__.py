"""Versions of the tables, and how a database goes from one to the next.

A change of ``schema.py`` is a new file in ``versions``, and its name here.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from labelmetrics.errors import StoreError
from labelmetrics.store.schema import metadata

__all__ = ["HEAD", "upgrade"]

HEAD = "0001"
"""The version that this package reads and writes."""


def upgrade(connection: Connection, version: str | None) -> None:
    """Bring a database to the version of this package, within the transaction of ``connection``.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        The database.
    version : str or None
        Its version; ``None`` for an empty one.

    Raises
    ------
    StoreError
        A later version of this package has written it.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"the store has version {version} and this package reads up to {HEAD}: a later labelmetrics has written it"
        )
    with EnvironmentContext(config, scripts, fn=lambda at, _: scripts._upgrade_revs(HEAD, at)) as environment:
        environment.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        environment.run_migrations()
