"""What answers the fields of the wire protocol, by subject."""

from __future__ import annotations

from ariadne import SchemaBindable

from labelmetrics.server.resolvers import accounts, data_rows, imports, models, ontologies, scalars, tasks

__all__ = ["RESOLVERS"]

RESOLVERS: tuple[SchemaBindable, ...] = tuple(
    bindable
    for module in (scalars, accounts, models, data_rows, imports, tasks, ontologies)
    for bindable in module.BOUND
)
