"""Where model runs are, and the key that belongs there: never another one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from labelmetrics.errors import SettingError
from labelmetrics.places import home, read_key, running_server
from labelmetrics.runs.transport import is_loopback

__all__ = ["NAMED", "PLATFORM", "Target", "target_of"]

PLATFORM = "https://api.labelbox.com/graphql"
PLATFORM_PAGES = "https://app.labelbox.com"
PLATFORM_KEY, OWN_KEY, OWN_ENDPOINT = "LABELBOX_API_KEY", "LABELMETRICS_API_KEY", "LABELMETRICS_ENDPOINT"

NAMED = ("platform", "local")
"""Endpoints that can be named instead of addressed."""

_START = "start a local one with: labelmetrics serve"


@dataclass(frozen=True, slots=True)
class Target:
    """A server of model runs.

    Parameters
    ----------
    endpoint : str
        Where its GraphQL is.
    key : str
        The key it knows; never shown.
    """

    endpoint: str
    key: str = field(repr=False)

    @property
    def is_platform(self) -> bool:
        """Whether it is the platform, and not a server of this package."""
        return (urlsplit(self.endpoint).hostname or "").endswith("labelbox.com")

    @property
    def experimental(self) -> str:
        """Where calls go that the platform calls experimental."""
        return self.endpoint.replace("/graphql", "/_gql")

    @property
    def site(self) -> str:
        """The server's address, without a slash at the end."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}{parts.path.partition('/graphql')[0]}"

    @property
    def pages(self) -> str:
        """Where people look at runs."""
        return PLATFORM_PAGES if self.is_platform else self.site

    def __str__(self) -> str:
        return f"the platform, {self.endpoint}" if self.is_platform else self.endpoint


def target_of(
    api_key: str | None = None,
    endpoint: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
) -> Target:
    """Find the server and its key.

    Parameters
    ----------
    api_key : str, optional
        The key; that of the endpoint unless given.
    endpoint : str, optional
        Where the GraphQL of the server is, or ``"platform"`` or ``"local"``; that of the key unless given.
    environment : mapping of str to str, optional
        Environment variables; those of this process unless given.
    folder : path, optional
        Folder of the local server.

    Raises
    ------
    SettingError
        There is no server, no key, or more than one way to read what is given.

    Examples
    --------
    >>> target_of(environment={"LABELBOX_API_KEY": "secret"})
    Target(endpoint='https://api.labelbox.com/graphql')
    """
    known = {name: value for name, value in (os.environ if environment is None else environment).items() if value}
    own = _Own(known, home(folder))
    if endpoint == "local":
        endpoint = own.endpoint()
        if endpoint is None:
            raise SettingError(f"there is no local server of model runs: {_START}")
    elif endpoint == "platform":
        endpoint = PLATFORM
    if endpoint is not None:
        endpoint = _checked(endpoint)
        if api_key is None:
            api_key = known.get(PLATFORM_KEY) if _same(endpoint, PLATFORM) else own.key_of(endpoint)
        if api_key is None:
            name = PLATFORM_KEY if _same(endpoint, PLATFORM) else f"{OWN_KEY} and {OWN_ENDPOINT}"
            raise SettingError(f"there is no key for {endpoint}: give it (api_key=), or set {name}")
        return Target(endpoint, _sound(api_key))
    if api_key is not None:
        return Target(_endpoint_of(api_key, known, own), _sound(api_key))
    if PLATFORM_KEY in known and (OWN_KEY in known or OWN_ENDPOINT in known):
        other = OWN_KEY if OWN_KEY in known else OWN_ENDPOINT
        raise SettingError(
            f"{PLATFORM_KEY} and {other} are both set: say where to send (endpoint=, --endpoint), platform, local "
            "or an address, or unset one of them"
        )
    if PLATFORM_KEY in known:
        return Target(PLATFORM, _sound(known[PLATFORM_KEY]))
    found = own.endpoint()
    if found is None:
        raise SettingError(
            f"there is no server of model runs: {_START}; or name one ({PLATFORM_KEY} for the platform, {OWN_KEY} and "
            f"{OWN_ENDPOINT} for another)"
        )
    key = own.key_of(found)
    if key is None:
        raise SettingError(f"there is no key for {found}: set {OWN_KEY}")
    return Target(found, _sound(key))


class _Own:
    """Servers of this package: that of the environment, and the one this user has started."""

    def __init__(self, known: Mapping[str, str], folder: Path) -> None:
        self.known, self.folder = known, folder
        self.named = _checked(known[OWN_ENDPOINT]) if OWN_ENDPOINT in known else None
        running = running_server(folder)
        self.local = None if running is None else _checked(running.url)

    def endpoint(self) -> str | None:
        return self.named or self.local

    def key_of(self, endpoint: str) -> str | None:
        """The key for an endpoint, if it belongs to one of them."""
        if OWN_KEY in self.known and (found := self.endpoint()) is not None and _same(endpoint, found):
            return self.known[OWN_KEY]
        return read_key(self.folder) if self.local is not None and _same(endpoint, self.local) else None


def _endpoint_of(key: str, known: Mapping[str, str], own: _Own) -> str:
    """Where a key belongs that was given without an endpoint."""
    places = [PLATFORM] if key == known.get(PLATFORM_KEY) else []
    if key == known.get(OWN_KEY) and (found := own.endpoint()) is not None:
        places.append(found)
    elif own.local is not None and key == read_key(own.folder):
        places.append(own.local)
    if len(places) != 1:
        raise SettingError(f"say where the key belongs: endpoint={PLATFORM!r}, or the address of your server")
    return places[0]


def _checked(endpoint: str) -> str:
    """An address of GraphQL; of a server alone, the usual path is added."""
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError(f"an endpoint looks like {PLATFORM}, got {endpoint!r}")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingError("an endpoint holds no user name, query or fragment; give the key by itself (api_key=)")
    if parts.scheme == "http" and parts.hostname.endswith("labelbox.com"):
        raise SettingError(f"the platform's key is not sent without encryption: use {PLATFORM}")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/graphql') else f'{path}/graphql'}"


def _same(one: str, other: str) -> bool:
    """Whether two addresses are of one server."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    host = "loopback" if is_loopback(url) else parts.hostname or ""
    return parts.scheme, host, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _sound(key: str) -> str:
    """A key that can stand in a header; what is wrong with it is told without it."""
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingError(
            "the key cannot be sent: it is empty, or holds spaces, line ends or other than ASCII letters"
        )
    return key
