"""Who may ask what: names of the server, origins, the key, and headers that keep pages apart from others."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelmetrics.server.keys import KeyCheck
from labelmetrics.server.refusals import Refusal, refuse
from labelmetrics.server.rendering import style_digest

__all__ = ["AccessLog", "Guard", "cookie_name"]

log = logging.getLogger("labelmetrics.server.access")

LOCAL = ("127.0.0.1", "localhost", "::1")
SAFE = ("GET", "HEAD", "OPTIONS")
DRAINED = 1 << 20
"""How much of a refused request is read, so that whoever sends it gets to read the answer."""

HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src '{style_digest()}'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def cookie_name(scope: Scope) -> str:
    """Name of the pages' cookie: browsers send cookies to all ports, so each server has one of its own."""
    server = scope.get("server")
    return f"labelmetrics-{server[1] if server else 0}"


class Guard:
    """Lets only those requests through that come from where they may, with the key.

    Parameters
    ----------
    app : ASGI application
        What it stands before.
    keys : KeyCheck
        Compares keys.
    allow_hosts : collection of str
        Names that the server answers to besides those of this machine.
    """

    def __init__(self, app: ASGIApp, keys: KeyCheck, allow_hosts: Collection[str]) -> None:
        self._app, self._keys = app, keys
        self._hosts = {host.lower().strip("[]") for host in (*LOCAL, *allow_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        try:
            await self._check(scope)
        except Refusal as refusal:
            await _drain(scope, receive)
            await refuse(scope, refusal)(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        _check_origin(headers, scope["method"])
        if scope["path"] == "/healthz" or scope["path"].startswith("/files/"):
            return
        if not self._keys.is_fresh:
            await to_thread.run_sync(self._keys.refresh)
        self._check_key(scope, headers)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        name = _name_of(hosts[0]) if len(hosts) == 1 else None
        if name is None or not ("*" in self._hosts or name in self._hosts):
            raise Refusal(
                "AUTHORIZATION_ERROR",
                f"this server does not answer to the name {name!r}; start it with --allow-host to let it",
                status=421,
            )

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if given:
            is_known = scheme.lower() == "bearer" and self._keys.is_key(given.strip())
        else:
            is_known = self._keys.is_cookie(_cookie(scope, headers)) or self._keys.is_key(_key_of_page(scope))
        if not is_known:
            raise Refusal(
                "AUTHENTICATION_ERROR",
                "this server needs its key: 'labelmetrics key show' prints it",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _name_of(host: str) -> str | None:
    """The name in a Host header, without the port."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _check_origin(headers: Headers, method: str) -> None:
    """Refuse what pages of other servers ask for; programs that are no browsers say nothing of an origin."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_foreign = origin is not None and _place_of(origin) != headers.get("host", "").lower()
    if is_foreign or (method not in SAFE and site not in (None, "same-origin", "none")):
        raise Refusal("AUTHORIZATION_ERROR", "pages of other servers may not use this one")


def _place_of(origin: str) -> str | None:
    """Host and port of an origin; ``None`` where it has none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _key_of_page(scope: Scope) -> str:
    """The key in the address that the server prints."""
    is_page = scope["path"] == "/" and scope["method"] == "GET"
    return QueryParams(scope["query_string"]).get("key", "") if is_page else ""


def _cookie(scope: Scope, headers: Headers) -> str:
    return cookie_parser(headers.get("cookie", "")).get(cookie_name(scope), "")


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped


async def _drain(scope: Scope, receive: Receive) -> None:
    read = 0
    while read < DRAINED:
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


class AccessLog:
    """Notes each request in the log: no query, no token, no key.

    Parameters
    ----------
    app : ASGI application
        What it stands before.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 0, time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            path = "/files/..." if scope["path"].startswith("/files/") else scope["path"]
            log.info("%s %s %d %.0f ms", scope["method"], ascii(path)[1:-1], status, 1000 * (time.monotonic() - began))
