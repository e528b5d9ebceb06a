"""Ontologies: kept as they are given, since models name one."""

from __future__ import annotations

from typing import Any

import orjson
from ariadne import MutationType, ObjectType, QueryType

from labelmetrics.errors import NotFoundError
from labelmetrics.server.intake import check_depth, check_name
from labelmetrics.server.multipart import malformed
from labelmetrics.server.resolvers.scalars import Info, page_of
from labelmetrics.store import ontologies
from labelmetrics.store.ids import new_id
from labelmetrics.store.ontologies import Ontology

__all__ = ["BOUND"]

query, mutation, ontology_type = QueryType(), MutationType(), ObjectType("Ontology")
BOUND = (query, mutation, ontology_type)

NODES = ("tools", "classifications", "options")


@mutation.field("upsertOntology")
def keep(_: Any, info: Info, data: dict[str, Any]) -> Ontology:
    context = info.context
    check_name(data["name"], context, "name of an ontology")
    try:
        normalized = orjson.loads(data["normalized"])
    except orjson.JSONDecodeError as error:
        raise malformed(f"'normalized' of an ontology is no JSON: {error}") from None
    if not isinstance(normalized, dict):
        raise malformed("'normalized' of an ontology is a JSON object")
    _number(check_depth(normalized))
    with context.store.write() as connection:
        return ontologies.create_ontology(connection, data["name"], normalized, data.get("media_type"))


def _number(node: dict[str, Any]) -> None:
    """Give ids to the features that have none."""
    waiting = [node]
    while waiting:
        parent = waiting.pop()
        for children in (parent.get(kind) for kind in NODES):
            for child in children if isinstance(children, list) else ():
                if isinstance(child, dict):
                    for name in ("featureSchemaId", "schemaNodeId"):
                        child[name] = child.get(name) or new_id()
                    waiting.append(child)


@query.field("ontology")
def ontology(_: Any, info: Info, where: dict[str, Any]) -> Ontology:
    with info.context.store.read() as connection:
        found = ontologies.ontology_of(connection, where["id"])
    if found is None:
        raise NotFoundError("ontology", where["id"])
    return found


@query.field("ontologies")
def all_ontologies(
    _: Any,
    info: Info,
    where: dict[str, Any] | None = None,
    after: str | None = None,
    first: int | None = None,
) -> dict[str, Any]:
    skip = int(after) if after and after.isdecimal() and len(after) < 10 else 0
    page = page_of(info, skip, first)
    with info.context.store.read() as connection:
        found = ontologies.ontologies(connection, name=(where or {}).get("search"), **page)
    return {"nodes": found, "next_cursor": str(skip + len(found)) if len(found) == page["first"] else None}


def _count(found: Ontology, kind: str) -> int:
    nodes = found.normalized.get(kind)
    return len(nodes) if isinstance(nodes, list) else 0


ontology_type.set_field("objectSchemaCount", lambda found, _: _count(found, "tools"))
ontology_type.set_field("classificationSchemaCount", lambda found, _: _count(found, "classifications"))
