"""Ontologies, as they are given: what features a model knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from labelmetrics.store import schema
from labelmetrics.store.ids import new_id, now, time_of

__all__ = ["Ontology", "create_ontology", "ontologies", "ontology_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ontology:
    """An ontology: its id, name, kind of media, and its features as they were given."""

    id: str
    name: str
    media_type: str | None
    normalized: Any
    created_at: datetime
    updated_at: datetime


def create_ontology(connection: Connection, name: str, normalized: Any, media_type: str | None = None) -> Ontology:
    """Keep an ontology."""
    moment, made = now(), new_id()
    values = {"id": made, "name": name, "media_type": media_type, "normalized": normalized}
    connection.execute(insert(schema.ontology).values(created_at=moment, updated_at=moment, **values))
    found = ontology_of(connection, made)
    assert found is not None
    return found


def ontology_of(connection: Connection, id: str) -> Ontology | None:
    """The ontology of an id; ``None`` where there is none."""
    row = connection.execute(select(schema.ontology).where(schema.ontology.c.id == id)).first()
    return None if row is None else _ontology(row)


def ontologies(connection: Connection, *, name: str | None = None, skip: int = 0, first: int = 100) -> list[Ontology]:
    """Ontologies, the newest first; all, or those whose name holds a text."""
    columns = schema.ontology.c
    query = select(schema.ontology).order_by(columns.number.desc()).offset(skip).limit(first)
    if name:
        query = query.where(columns.name.contains(name, autoescape=True))
    return [_ontology(row) for row in connection.execute(query)]


def _ontology(row: Row[Any]) -> Ontology:
    values = dict(row._mapping)
    del values["number"]
    return Ontology(**values | {name: time_of(values[name]) for name in ("created_at", "updated_at")})
