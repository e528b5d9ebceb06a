"""HTTP: one request, its answer, and when to try again.

A transport is a function from a request to a response. The one that is used talks to servers; tests put another
function in its place.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import orjson

from labelmetrics import __version__
from labelmetrics.errors import ApiConnectionError, ApiError, ApiRateLimitError, ApiServerError

__all__ = ["Answer", "Request", "Response", "Retries", "Transport", "is_loopback", "send", "web"]

TIMEOUT = 60.0
"""Seconds that a server may take until it answers."""

IN_MEMORY = 8 << 20
"""Bytes of an answer that are held in memory; longer ones are in a temporary file."""

RATE_LIMIT = "You have exceeded"
"""How the platform begins to say, with whatever status, that there were too many requests."""

USER_AGENT = f"labelmetrics/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent.

    Parameters
    ----------
    method : str
        ``"GET"``, ``"POST"``, ...
    url : str
        Where to.
    headers : mapping of str to str
        Headers; they may hold a key, so they are not shown.
    body : bytes, optional
        The body.
    timeout : float
        Seconds.
    follow : bool
        Whether redirects are followed. Never where there is a key.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    follow: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What comes back.

    Parameters
    ----------
    status : int
        Status.
    headers : mapping of str to str
        Headers.
    chunks : iterable of bytes
        The body; it may break off with a ``ConnectionError`` or ``TimeoutError``.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] = ()


class Transport(Protocol):
    """A function that sends a request; ``ConnectionError`` and ``TimeoutError`` say that it may be tried again."""

    def __call__(self, request: Request, /) -> Response: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that has come in as a whole."""

    request: Request
    status: int
    file: IO[bytes]

    def read(self) -> bytes:
        """The body."""
        self.file.seek(0)
        return self.file.read()

    def lines(self) -> Iterator[bytes]:
        """Lines of the body that are not blank."""
        self.file.seek(0)
        for line in self.file:
            stripped = line.strip()
            if stripped:
                yield stripped

    def json(self) -> Any:
        """The body as JSON.

        Raises
        ------
        ApiError
            It is none.
        """
        try:
            return orjson.loads(self.read())
        except orjson.JSONDecodeError:
            raise self.error(f"the answer is no JSON: {self.beginning()}") from None

    def beginning(self) -> str:
        """The first characters of the body, on one line."""
        self.file.seek(0)
        text = " ".join(self.file.read(200).decode("utf-8", "replace").split())
        return text or "it is empty"

    def error(self, message: str, kind: type[ApiError] = ApiError, code: str | None = None) -> ApiError:
        """An error that tells where this answer comes from, and never the key, even if the server repeats it."""
        key = self.request.headers.get("Authorization", "").rpartition(" ")[2]
        message = message.replace(key, "(the key)") if key else message
        return kind(message, url=plain(self.request.url), status=self.status, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When a request is tried again.

    Parameters
    ----------
    attempts : int
        How often it is tried at most.
    first, longest : float
        Seconds until the second attempt, and the most there are between two; twice as many each time, and less by
        chance, so that many clients do not come back at once. What the server asks for (``Retry-After``) is waited.
    patience : float
        Most seconds that are waited because the server asks for them.
    sleep : callable
        Waits; returns ``True`` where nobody waits for the answer any more.
    """

    attempts: int = 8
    first: float = 0.5
    longest: float = 30.0
    patience: float = 300.0
    sleep: Callable[[float], object] = time.sleep

    def pause(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait after an attempt, the first of which is 1."""
        most = min(self.first * 2.0 ** (attempt - 1), self.longest)
        jittered = most * random.uniform(0.5, 1.0)
        return jittered if asked is None else max(jittered, min(asked, self.patience))


def send(request: Request, transport: Transport, retries: Retries) -> Answer:
    """Send a request until it is answered.

    It is sent again after an interruption, a timeout, the statuses 429 and 500 to 599, and what the platform says about
    its rate limit; no other answer becomes another one by asking again.

    Raises
    ------
    ApiConnectionError
        The server cannot be reached.
    ApiRateLimitError
        It takes no more requests.
    ApiServerError
        It fails.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            answer, asked = _once(request, transport)
            error = _passing(answer)
            if error is None:
                return answer
            answer.file.close()
        except (ConnectionError, TimeoutError) as interruption:
            asked = None
            error = ApiConnectionError(_why(request, interruption), url=plain(request.url))
        if attempt >= retries.attempts or retries.sleep(retries.pause(attempt, asked)) is True:
            raise error


def _once(request: Request, transport: Transport) -> tuple[Answer, float | None]:
    response = transport(request)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer's
    try:
        for chunk in response.chunks:
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(request, response.status, file), _seconds(headers.get("retry-after"))


def _passing(answer: Answer) -> ApiError | None:
    """The error of an answer that may be another one later."""
    limit = _rate_limit(answer)
    if limit is not None or answer.status == 429:
        return answer.error(limit or "too many requests", ApiRateLimitError)
    if 500 <= answer.status < 600:
        return answer.error(f"the server failed: {answer.beginning()}", ApiServerError)
    return None


def _rate_limit(answer: Answer) -> str | None:
    """What the platform says about its rate limit, with whatever status."""
    answer.file.seek(0)
    if RATE_LIMIT.encode() not in answer.file.read(IN_MEMORY):
        return None
    try:
        body = orjson.loads(answer.read())
    except orjson.JSONDecodeError:
        return None
    message = body.get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) and message.startswith(RATE_LIMIT) else None


def _seconds(text: str | None) -> float | None:
    """Seconds of a ``Retry-After``, which names them or a time.

    >>> _seconds("3"), _seconds("soon"), _seconds("Thu, 01 Jan 1970 00:00:00 GMT")
    (3.0, None, 0.0)
    """
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _why(request: Request, error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"there is no answer within {request.timeout:g} seconds"
    told = f"cannot be reached ({error})" if str(error) else "cannot be reached"
    return f"{told}; start a server with: labelmetrics serve" if is_loopback(request.url) else told


def plain(url: str) -> str:
    """A URL as messages show it: without what may be secret in it.

    >>> plain("https://me:secret@host/a?token=secret")
    'https://host/a'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine.

    >>> is_loopback("http://127.0.0.1:8765/graphql"), is_loopback("http://[::1]/"), is_loopback("https://a.b/127.0.0.1")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def web(connections: int = 10) -> Transport:
    """The transport that talks to servers, over connections that are kept open."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=connections, pool_maxsize=connections))

    def transport(request: Request) -> Response:
        try:
            response = session.request(
                request.method,
                request.url,
                headers={"User-Agent": USER_AGENT, **request.headers},
                data=request.body,
                timeout=(min(request.timeout, 10.0), request.timeout),
                allow_redirects=request.follow,
                stream=True,
                # Without one, requests would put what is in ~/.netrc in the place of our key.
                auth=_as_it_is,
                # What is of this machine goes through no proxy; a scheme left out would come from the environment.
                proxies={"http": None, "https": None, "all": None} if is_loopback(request.url) else None,  # type: ignore[dict-item]
            )
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise ApiConnectionError(f"cannot be reached ({_reason(error)})", url=plain(request.url)) from None
        except requests.Timeout as error:
            raise TimeoutError from error
        except requests.ConnectionError as error:
            raise ConnectionError(_reason(error)) from error
        except requests.RequestException as error:  # its text may show headers
            raise ApiConnectionError(f"cannot be sent ({type(error).__name__})", url=plain(request.url)) from None
        if not _says_its_end(response):
            response.close()
            raise ConnectionError("the answer broke off")
        return Response(response.status_code, response.headers, _chunks(response))

    def _chunks(response: requests.Response) -> Iterator[bytes]:
        with closing(response):
            try:
                yield from response.iter_content(1 << 16)
            except requests.Timeout as error:
                raise TimeoutError from error
            except requests.RequestException as error:
                raise ConnectionError("the answer broke off") from error

    return transport


def _says_its_end(response: Any) -> bool:
    """Whether it can be told that a response is whole: of one that breaks off within its headers, all else is lost."""
    headers = response.headers
    has_end = headers.get("Content-Length") or headers.get("Transfer-Encoding", "").lower() == "chunked"
    has_body = response.request.method != "HEAD" and response.status_code != 204
    return bool(has_end) or not has_body or response.raw.version < 11


def _as_it_is(request: Any) -> Any:
    return request


def _reason(error: BaseException) -> str:
    """The innermost reason of an error of requests, whose own texts hold addresses of objects."""
    while True:
        inner = getattr(error, "reason", None) or next((one for one in error.args if isinstance(one, Exception)), None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    text = getattr(error, "strerror", None) or str(error)
    return str(text).rpartition(">: ")[2] or type(error).__name__
