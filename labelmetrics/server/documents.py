"""GraphQL documents: parsed, bounded and validated before anything is done."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    validate,
)

from labelmetrics.server.refusals import Refusal
from labelmetrics.server.settings import Settings

__all__ = ["check_size", "document_of"]

PAGE = 100
"""Items that a list is taken to hold where a document asks for no number of them."""

TOO_COMPLEX = "Query complexity limit exceeded"
"""These words make the client raise an error of its own."""


def document_of(schema: GraphQLSchema, query: str, settings: Settings) -> DocumentNode:
    """The document of a text.

    Raises
    ------
    Refusal
        It is none, asks for too much, or for what the schema has not.
    """
    if len(query) > settings.document_bytes:
        raise Refusal("GRAPHQL_VALIDATION_FAILED", TOO_COMPLEX, status=413)
    return _document(schema, query, settings) if len(query) > 10_000 else _known_document(schema, query, settings)


def _document(schema: GraphQLSchema, query: str, settings: Settings) -> DocumentNode:
    try:
        document = parse(query, max_tokens=settings.document_tokens)
        _check_depth(document, settings)
    except RecursionError:
        raise Refusal("GRAPHQL_VALIDATION_FAILED", TOO_COMPLEX) from None
    except GraphQLSyntaxError as error:
        if "tokens" in error.message:
            raise Refusal("GRAPHQL_VALIDATION_FAILED", TOO_COMPLEX) from None
        raise Refusal("GRAPHQL_PARSE_FAILED", error.message) from None
    errors = validate(schema, document, max_errors=5)
    if errors:
        raise Refusal("GRAPHQL_VALIDATION_FAILED", "; ".join(error.message for error in errors))
    return document


_known_document = lru_cache(maxsize=256)(_document)
"""Clients send the same few documents again and again."""


def _check_depth(document: DocumentNode, settings: Settings) -> None:
    """Before validation, whose cost grows with the square of what it reads."""
    fragments = _fragments(document)
    depths: dict[str, int] = {}
    nodes = 0

    def depth(selections: SelectionSetNode | None, within: frozenset[str]) -> int:
        nonlocal nodes
        deepest = 0
        nodes += len(selections.selections) if selections else 0
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in within or name not in fragments:
                    continue  # validation says so
                if name not in depths:
                    depths[name] = depth(fragments[name].selection_set, within | {name})
                deepest = max(deepest, depths[name])
            else:
                deepest = max(deepest, 1 + depth(node.selection_set, within))  # type: ignore[attr-defined]
        return deepest

    deepest = max(depth(getattr(one, "selection_set", None), frozenset()) for one in document.definitions)
    if deepest > settings.depth or nodes > settings.fields:
        raise Refusal("GRAPHQL_VALIDATION_FAILED", TOO_COMPLEX)


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}


def check_size(document: DocumentNode, variables: dict[str, Any], settings: Settings) -> None:
    """Refuse what would answer with too many values, or does too many things at once.

    Raises
    ------
    Refusal
        Each field counts one, and those within a list as often as the list may have items.
    """
    fragments = _fragments(document)
    sizes: dict[str, int] = {}

    def size(selections: SelectionSetNode | None) -> int:
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in sizes:
                    sizes[name] = size(fragments[name].selection_set)
                total += sizes[name]
            elif isinstance(node, FieldNode):
                total += 1 + _items(node, variables) * size(node.selection_set)
            else:
                total += size(node.selection_set)  # type: ignore[attr-defined]
        return total

    def roots(selections: SelectionSetNode) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += 1
            elif isinstance(node, FragmentSpreadNode):
                total += roots(fragments[node.name.value].selection_set)
            else:
                total += roots(node.selection_set)  # type: ignore[attr-defined]
        return total

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode) and (
            size(definition.selection_set) > settings.values or roots(definition.selection_set) > settings.roots
        ):
            raise Refusal("GRAPHQL_VALIDATION_FAILED", TOO_COMPLEX)


LISTS = {"models", "modelRuns", "users", "createdTasks", "datasets", "ontologies"}
"""Fields that answer with a page of a list, also where nobody says how many."""


def _items(node: FieldNode, variables: dict[str, Any]) -> int:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return max(1, int(argument.value.value))
            if isinstance(argument.value, VariableNode):
                given = variables.get(argument.value.name.value)
                return max(1, given) if isinstance(given, int) else PAGE
    return PAGE if node.name.value in LISTS else 1


def message_of(error: GraphQLError) -> str:
    """What an error of the library says, in one line."""
    return error.message.partition("\n")[0]
