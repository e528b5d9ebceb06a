"""The user, the organization, and what the local server has none of."""

from __future__ import annotations

from typing import Any

from ariadne import ObjectType, QueryType, UnionType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.context import Context
from labelmetrics.server.resolvers.scalars import Info, page_of
from labelmetrics.store.files import task_of

__all__ = ["BOUND", "user_of"]

query, user = QueryType(), ObjectType("User")
integration = UnionType("IamIntegrationSettings", lambda value, *_: None)
BOUND = (query, user, integration)


def user_of(context: Context) -> dict[str, Any]:
    """The one user of this server."""
    account = context.account
    return {
        "id": account.user_id,
        "created_at": account.created_at,
        "updated_at": account.created_at,
        "name": "local user",
        "nickname": "local",
        "is_viewer": False,
        "is_external_user": False,
    }


@query.field("user")
def the_user(_: Any, info: Info, where: dict[str, Any] | None = None) -> dict[str, Any]:
    found = user_of(info.context)
    if where is not None and where["id"] != found["id"]:
        raise NotFoundError("user", where["id"])
    return found


@query.field("users")
def users(_: Any, info: Info, skip: int | None = None, first: int | None = None) -> list[dict[str, Any]]:
    page = page_of(info, skip, first)
    return [user_of(info.context)][page["skip"] : page["skip"] + page["first"]]


@user.field("createdTasks")
def created_tasks(
    _: Any,
    info: Info,
    where: dict[str, Any] | None = None,
    skip: int | None = None,
    first: int | None = None,
) -> list[Any]:
    if where is None:
        return []
    page = page_of(info, skip, first)
    with info.context.store.read() as connection:
        found = task_of(connection, where["id"])
    return [found][page["skip"] : page["skip"] + page["first"]] if found is not None else []


@query.field("organization")
def organization(_: Any, info: Info) -> dict[str, Any]:
    account = info.context.account
    return {
        "id": account.organization_id,
        "name": "local",
        "created_at": account.created_at,
        "updated_at": account.created_at,
    }


@query.field("iamIntegrations")
@query.field("customMetadataOntology")
def nothing(_: Any, info: Info) -> list[Any]:
    return []
