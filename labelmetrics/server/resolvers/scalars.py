"""Values of the wire protocol that are no JSON numbers or texts, and how pages of lists are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from ariadne import ScalarType
from graphql import GraphQLError, GraphQLResolveInfo, ValueNode, value_from_ast_untyped
from orjson import dumps

from labelmetrics.server.context import Context
from labelmetrics.server.intake import check_depth
from labelmetrics.server.multipart import malformed
from labelmetrics.server.uploads import Upload

if TYPE_CHECKING:
    Info = GraphQLResolveInfo[Context]
else:
    Info = GraphQLResolveInfo  # no generic in all versions of the library

__all__ = ["BOUND", "Info", "first_of", "page_of", "sliced"]

json, moment, upload, unsigned, page_size = (
    ScalarType(name) for name in ("Json", "DateTime", "Upload", "UInt64", "PageSize")
)
BOUND = (json, moment, upload, unsigned, page_size)

LARGEST = 2**64 - 1


@json.value_parser
def json_value(value: Any) -> Any:
    return check_depth(value)


@json.literal_parser
def json_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    value = check_depth(value_from_ast_untyped(node, variables))
    try:
        dumps(value)
    except TypeError:
        raise GraphQLError("a whole number of JSON has at most 64 bits") from None
    return value


@moment.serializer
def write_moment(value: datetime) -> str:
    # The client reads nothing else: a fraction, and the letter.
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@upload.value_parser
def take_upload(value: Any) -> Upload:
    if not isinstance(value, Upload):
        raise GraphQLError("a file is sent as a part of a form (multipart/form-data)")
    return value


@upload.literal_parser
def refuse_upload(node: ValueNode, variables: dict[str, Any] | None = None) -> Upload:
    raise GraphQLError("a file is given as a variable")


@unsigned.value_parser
def read_unsigned(value: Any) -> int:
    """A number, which the client sends as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise GraphQLError("a whole number from 0 to 2^64 - 1 is expected")
    return value


@page_size.value_parser
def read_page_size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphQLError("a whole number is expected")
    return value


def first_of(info: Info, first: int | None, default: int = 100) -> int:
    """How many items a page has.

    Raises
    ------
    Refusal
        Too many are asked for, or fewer than none.
    """
    wanted = default if first is None else first
    most = info.context.settings.page
    if not 0 <= wanted <= most:
        raise malformed(f"a page has from 0 to {most} items, got first: {wanted}")
    return wanted


def page_of(info: Info, skip: int | None, first: int | None) -> dict[str, int]:
    """Where a page begins, and how many items it has.

    Raises
    ------
    Refusal
        There can be no such page.
    """
    if (skip or 0) < 0:
        raise malformed(f"a page begins at 0 or later, got skip: {skip}")
    return {"skip": skip or 0, "first": first_of(info, first)}


def sliced(read: Callable[..., list[Any]], fits: Callable[[Any], bool], skip: int, first: int) -> list[Any]:
    """A page of those items of a list that fit."""

    def every() -> Iterator[Any]:
        start = 0
        while some := read(skip=start, first=500):
            yield from filter(fits, some)
            start += len(some)

    return list(islice(every(), skip, skip + first))


def conditions(where: dict[str, Any] | None) -> Iterable[tuple[str, Any]]:
    """The comparisons of a filter, all of which have to hold."""
    for name, value in (where or {}).items():
        if name.lower() == "and":
            for one in value or ():
                yield from conditions(one)
        elif value is not None:
            yield name, value
