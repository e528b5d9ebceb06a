"""Settings of the store: names with texts."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from labelmetrics.store.schema import setting

__all__ = ["setting_of", "write_setting"]


def setting_of(connection: Connection, name: str) -> str | None:
    """The text of a setting; ``None`` where there is none."""
    found: str | None = connection.execute(select(setting.c.value).where(setting.c.name == name)).scalar()
    return found


def write_setting(connection: Connection, name: str, value: str) -> None:
    """Give a setting a text, in place of what it had."""
    connection.execute(delete(setting).where(setting.c.name == name))
    connection.execute(insert(setting).values(name=name, value=value))
