"""Who the platform's client is told it speaks for: the one user of the local server."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import orjson

from labelmetrics.store import Store
from labelmetrics.store.ids import new_id, now, time_of
from labelmetrics.store.settings import setting_of, write_setting

__all__ = ["Account", "account_of"]

SETTING = "account"


class Account(NamedTuple):
    """The user and the organization of a store, and since when they are there."""

    user_id: str
    organization_id: str
    created_at: datetime


def account_of(store: Store) -> Account:
    """The account of a store, made at the first call."""
    with store.write() as connection:
        noted = setting_of(connection, SETTING)
        if noted is None:
            noted = orjson.dumps([new_id(), new_id(), now()]).decode()
            write_setting(connection, SETTING, noted)
    user, organization, since = orjson.loads(noted)
    return Account(user, organization, time_of(since))
