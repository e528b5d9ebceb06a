"""Requests that are refused: one error, and its three forms (GraphQL, JSON, page)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import orjson
from sqlalchemy.exc import OperationalError
from starlette.responses import Response
from starlette.types import Scope

from labelmetrics.errors import (
    Fault,
    InputError,
    LabelmetricsError,
    NameTakenError,
    NotFoundError,
    SettingError,
    StoreError,
)
from labelmetrics.server.rendering import render

__all__ = ["GRAPHQL_PATHS", "Refusal", "as_refusal", "graphql_error", "refuse"]

log = logging.getLogger("labelmetrics.server")

GRAPHQL_PATHS = ("/graphql", "/_gql")

STATUS = {
    "MALFORMED_REQUEST": 400,
    "GRAPHQL_PARSE_FAILED": 400,
    "GRAPHQL_VALIDATION_FAILED": 400,
    "AUTHENTICATION_ERROR": 401,
    "AUTHORIZATION_ERROR": 403,
    "RESOURCE_NOT_FOUND": 404,
    "OPERATION_NOT_ALLOWED": 405,
    "RESOURCE_CONFLICT": 409,
    "INTERNAL_SERVER_ERROR": 500,
}
"""The codes of the wire protocol, and what HTTP says for them."""


class Refusal(LabelmetricsError):
    """A request that is not done, and why.

    Parameters
    ----------
    code : str
        One of the wire protocol's codes.
    message : str
        What is wrong, and what to do.
    status : int, optional
        Status of the answer, where it is not that of the code.
    faults : sequence of Fault
        What is wrong in detail.
    headers : mapping of str to str, optional
        Headers that the answer needs.

    Examples
    --------
    >>> Refusal("MALFORMED_REQUEST", "the body is no JSON").status
    400
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.status = status or STATUS[code]
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


def as_refusal(error: BaseException) -> Refusal:
    """What the requester is told of an error; one that nobody thought of is logged, and told by its number only."""
    match error:
        case Refusal():
            return error
        case NotFoundError():
            return Refusal("RESOURCE_NOT_FOUND", str(error))
        case NameTakenError():
            return Refusal("RESOURCE_CONFLICT", str(error))
        case InputError():
            return Refusal("MALFORMED_REQUEST", str(error).partition("\n")[0], faults=error.faults)
        case SettingError() | StoreError():
            return Refusal("MALFORMED_REQUEST", str(error))
        case OSError(strerror=str() as reason):
            number = _logged(error)
            return Refusal("INTERNAL_SERVER_ERROR", f"the server cannot use its folder: {reason} (error {number})")
        case OperationalError():
            number, reason = _logged(error), str(error.orig)
            return Refusal("INTERNAL_SERVER_ERROR", f"the server cannot use its database: {reason} (error {number})")
        case _:
            number = _logged(error)
            return Refusal(
                "INTERNAL_SERVER_ERROR", f"something is wrong in the server; its log says more (error {number})"
            )


def _logged(error: BaseException) -> str:
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return number


def graphql_error(refusal: Refusal, **more: Any) -> dict[str, Any]:
    """An error as the platform's client reads it."""
    error: dict[str, Any] = {"message": refusal.message, **more, "extensions": {"code": refusal.code}}
    if refusal.code == "MALFORMED_REQUEST":
        error["errors"] = refusal.message  # where exports look for it
    return error


def refuse(scope: Scope, refusal: Refusal) -> Response:
    """The answer, in the form that whoever asks for this path understands."""
    if scope["path"] in GRAPHQL_PATHS:
        # The client sends again what gets a 5xx, also what has been done.
        status = refusal.status if refusal.status < 500 else 200
        body = {"errors": [graphql_error(refusal)], "data": None}
        return _json(body, status, refusal.headers)
    if _wants_page(scope):
        page = render(
            "refused.html",
            title=HTTPStatus(refusal.status).phrase,
            message=refusal.message,
            is_key_needed=refusal.code == "AUTHENTICATION_ERROR",
        )
        return Response(page, refusal.status, refusal.headers, media_type="text/html")
    faults = [{name: value for name, value in asdict(one).items() if value is not None} for one in refusal.faults[:100]]
    said = {"message": refusal.message, "code": refusal.code}
    return _json(said | {"faults": faults} if faults else said, refusal.status, refusal.headers)


def _wants_page(scope: Scope) -> bool:
    path = scope["path"]
    if path.startswith(("/api/", "/files/")) or path in ("/api", "/healthz") or scope["method"] not in ("GET", "HEAD"):
        return False
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" in accepted


def _json(body: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
