"""What is asked of one server: GraphQL, its JSON interface, and the files it names."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from uuid import uuid4

from labelmetrics.errors import (
    ApiAuthenticationError,
    ApiConflictError,
    ApiError,
    ApiNotFoundError,
    ApiServerError,
)
from labelmetrics.runs.target import Target
from labelmetrics.runs.transport import Answer, Request, Retries, Transport, send, web

__all__ = ["Connection", "File", "Json", "told"]

NDJSON = "application/x-ndjson"

KINDS: dict[str, type[ApiError]] = {
    "AUTHENTICATION_ERROR": ApiAuthenticationError,
    "AUTHORIZATION_ERROR": ApiAuthenticationError,
    "OPERATION_NOT_ALLOWED": ApiAuthenticationError,
    "RESOURCE_NOT_FOUND": ApiNotFoundError,
    "RESOURCE_CONFLICT": ApiConflictError,
    "INTERNAL_SERVER_ERROR": ApiServerError,
}
STATUSES: dict[int, type[ApiError]] = {
    401: ApiAuthenticationError,
    403: ApiAuthenticationError,
    404: ApiNotFoundError,
    409: ApiConflictError,
}
"""For answers that name no code."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a document.

    Parameters
    ----------
    variable : str
        The variable that it is.
    name : str
        Its name.
    content : bytes
        What it holds.
    """

    variable: str
    name: str
    content: bytes = field(repr=False)


class Json:
    """JSON of an answer; what is missing in it is told, with where the answer came from.

    Examples
    --------
    >>> Json({"name": "first"}, "https://host").text("name")
    'first'
    """

    def __init__(self, value: Any, url: str) -> None:
        self.value, self.url = value, url

    def __getitem__(self, name: str) -> Json:
        value = self.value
        if not isinstance(value, dict) or name not in value:
            raise ApiError(f"the answer has no {name}", url=self.url)
        return Json(value[name], self.url)

    def get(self, name: str) -> Any:
        """A field that may be missing."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def text(self, name: str) -> str:
        """A field that is text, or a number that stands for it."""
        value = self[name].value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ApiError(f"the answer has no text as {name}", url=self.url)
        return str(value)

    def number(self, name: str) -> int:
        """A field that is a whole number, perhaps written as text."""
        try:
            return int(self.text(name))
        except ValueError:
            raise ApiError(f"the answer has no number as {name}", url=self.url) from None

    def items(self) -> list[Json]:
        """The elements of an array."""
        if not isinstance(self.value, list):
            raise ApiError("the answer has something else where a list belongs", url=self.url)
        return [Json(item, self.url) for item in self.value]


class Connection:
    """Requests to one server.

    Parameters
    ----------
    target : Target
        The server and its key.
    transport : Transport, optional
        What sends requests.
    retries : Retries, optional
        When they are sent again.
    """

    def __init__(self, target: Target, transport: Transport | None = None, retries: Retries | None = None) -> None:
        self.target = target
        self.retries = retries or Retries()
        self._transport = transport or web()
        self._keyed = {"Authorization": f"Bearer {target.key}"}

    def until(self, stop: Event) -> Connection:
        """The same connection, which gives up trying again when an event is set."""
        if self.retries.sleep is not time.sleep:
            return self
        return Connection(self.target, self._transport, replace(self.retries, sleep=stop.wait))

    def execute(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        file: File | None = None,
        experimental: bool = False,
    ) -> Json:
        """Run a document; a file is sent as the value of one of its variables.

        Raises
        ------
        ApiError
            The server refuses it, or what it answers is not understood.
        """
        if file is None:
            said = {"query": document, "variables": None if variables is None else dict(variables)}
            body = json.dumps(said).encode()
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
        else:
            body, kind = _multipart(document, variables or {}, file)
            headers = {"Content-Type": kind}
        url = self.target.experimental if experimental else self.target.endpoint
        answer = self._send("POST", url, headers, body)
        try:
            found = Json(answer.json(), answer.error("").url or url)
        except ApiError as error:
            raise answer.error(error.message, STATUSES.get(answer.status, ApiError)) from None
        errors = found.get("errors")
        if errors:
            raise _graphql_error(answer, errors)
        if answer.status != 200:
            raise _refused(answer)
        data = found["data"]
        if not isinstance(data.value, dict):
            raise answer.error("the answer has no data")
        return data

    def api(
        self,
        method: str,
        path: str,
        *parts: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        lines: bytes | None = None,
    ) -> Answer:
        """Use the JSON interface of our own server: ``/api/`` and the path, whose ``{}`` are filled.

        Parameters
        ----------
        method, path, parts, query
            What is asked for.
        body : optional
            Sent as JSON.
        lines : bytes, optional
            Sent as NDJSON.
        """
        url = f"{self.target.site}/api/{path.format(*(quote(part, safe='') for part in parts))}"
        if query:
            url += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        headers = {"Accept": "application/json"}
        content = lines
        if lines is not None:
            headers["Content-Type"] = NDJSON
        elif body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        answer = self._send(method, url, headers, content)
        if answer.status >= 300:
            raise _refused(answer)
        return answer

    def api_json(self, method: str, path: str, *parts: str, **options: Any) -> Json:
        """As :meth:`api`, the answer as JSON."""
        answer = self.api(method, path, *parts, **options)
        return Json(answer.json(), answer.error("").url or "")

    def download(self, url: str) -> Answer:
        """Fetch a file that an answer names, without the key.

        Raises
        ------
        ApiError
            It cannot be fetched.
        """
        url = urljoin(self.target.endpoint, url)
        if urlsplit(url).scheme not in ("http", "https"):
            raise ApiError("is no address that files are fetched from", url=url)
        answer = send(Request(method="GET", url=url, follow=True), self._transport, self.retries)
        if answer.status != 200:
            raise _refused(answer)
        return answer

    def reachable(self, url: str) -> bool:
        """Whether there is something at a URL, asked without the key."""
        return send(Request(method="HEAD", url=url), self._transport, self.retries).status < 400

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        request = Request(method=method, url=url, headers={**self._keyed, **headers}, body=body)
        answer = send(request, self._transport, self.retries)
        if 300 <= answer.status < 400:
            raise answer.error("the server says to ask elsewhere; the key is not sent there, so name the final address")
        return answer


def _multipart(document: str, variables: Mapping[str, Any], file: File) -> tuple[bytes, str]:
    """Form of a document with a file, and its content type."""
    boundary = uuid4().hex
    operations = {"variables": {**variables, file.variable: None}, "query": document}
    # As browsers do: what would end the header is written by its number.
    name = file.name.translate({ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"})
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"\r\n\r\n{json.dumps(value)}\r\n'
        for part, value in (("operations", operations), ("map", {file.name: [f"variables.{file.variable}"]}))
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        f"Content-Type: {NDJSON}\r\n\r\n"
    )
    body = b"".join([head.encode("utf-8", "replace"), file.content, f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"


def _graphql_error(answer: Answer, errors: Any) -> ApiError:
    listed = [one for one in (errors if isinstance(errors, list) else [errors]) if isinstance(one, dict)]
    for one in listed:
        extensions = one.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        if isinstance(code, str):
            message = told(one.get("message") or one.get("errors"))
            if code == "AUTHENTICATION_ERROR":
                message = f"the key is not known there ({message})"
            return answer.error(message, KINDS.get(code, ApiError), code)
    message = "; ".join(told(one.get("message")) for one in listed) or told(errors)
    return answer.error(message, STATUSES.get(answer.status, ApiError))


def _refused(answer: Answer) -> ApiError:
    """The error of an answer with a status that says that something is wrong."""
    kind, code = STATUSES.get(answer.status, ApiError), None
    try:
        body = answer.json()
    except ApiError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        return answer.error(f"the server refuses: {answer.beginning()}", kind)
    if isinstance(body.get("code"), str):
        code = body["code"]
    faults = body.get("faults")
    more = "".join(f"\n  {told(fault)}" for fault in faults[:10]) if isinstance(faults, list) else ""
    return answer.error(told(body["message"]) + more, KINDS.get(code or "", kind), code)


def told(said: Any) -> str:
    """What a server says, as a message; it may be anything.

    >>> told(None), told({"message": "no"}), told("x" * 3000)[-3:]
    ('no reason is given', 'no', '...')
    """
    if isinstance(said, dict) and isinstance(said.get("message"), str):
        said = said["message"]
    if said in (None, "", [], {}):
        return "no reason is given"
    text = said if isinstance(said, str) else json.dumps(said, default=str)
    return text if len(text) <= 2000 else f"{text[:2000]}..."
