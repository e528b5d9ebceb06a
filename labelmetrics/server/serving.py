"""Running the server: its socket, its worker, and its end."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from labelmetrics.errors import SettingError
from labelmetrics.places import PORT, forget_server, home as home_folder, note_server, running_server
from labelmetrics.server.app import make_app
from labelmetrics.server.importing import Importer
from labelmetrics.server.keys import ensure_key, rotate_key
from labelmetrics.server.settings import Settings
from labelmetrics.store import Store

__all__ = ["Address", "address_of", "ensure_key", "logging_to", "open_store", "rotate_key", "serve"]

open_store = Store.open

TRIED = 20
"""Ports that are tried one after the other, where none is asked for."""

GRACE = 10
"""Seconds that requests have to end when the server is stopped."""

KEEP = 300
"""Seconds that a connection may be idle: one that is closed just as it is used again looks like an error to clients."""

ANY = ("0.0.0.0", "::", "")


class Address(NamedTuple):
    """Where a server answers, its key, and the folder of its data."""

    url: str
    key: str
    home: Path

    @property
    def endpoint(self) -> str:
        """What clients of the platform are told."""
        return f"{self.url}/graphql"

    @property
    def page(self) -> str:
        """What is opened in a browser."""
        return f"{self.url}/?key={self.key}"

    @property
    def environment(self) -> dict[str, str]:
        """What the platform's client needs: it reads the key by itself, and is told the endpoint."""
        return {"LABELBOX_API_KEY": self.key, "LABELBOX_ENDPOINT": self.endpoint}


def address_of(home: str | Path | None = None, *, host: str = "127.0.0.1", port: int | None = None) -> Address:
    """The address of the server that runs on a folder, or of one that would be started so.

    Raises
    ------
    StoreError
        The folder cannot be used.
    """
    folder = home_folder(home)
    with Store.open(folder) as store:
        key = ensure_key(store)
    there = running_server(folder)
    return Address(there.url if there is not None else _url(host, port or PORT), key, folder)


def _url(host: str, port: int) -> str:
    named = host if host not in ANY else "127.0.0.1"
    return f"http://[{named}]:{port}" if ":" in named else f"http://{named}:{port}"


def serve(
    home: str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allow_hosts: tuple[str, ...] = (),
    on_ready: Callable[[Address], None] = lambda address: None,
) -> None:
    """Run the server until it is interrupted or terminated.

    Parameters
    ----------
    home : str or Path, optional
        Folder of the data.
    host : str
        Address that it listens at; others than this machine can reach it where that is not one of its own.
    port : int, optional
        Its port; unless given, 8765 or the next one that is free.
    allow_hosts : tuple of str
        Names that it answers to besides those of this machine.
    on_ready : callable, optional
        Called with the address when it answers.

    Raises
    ------
    SettingError
        The port is taken, or a server runs on the folder.
    StoreError
        The folder cannot be used.
    """
    folder = home_folder(home)
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(folder))
        stack.enter_context(_alone(folder))
        listening = stack.enter_context(_listen(host, port))
        address = Address(_url(host, listening.getsockname()[1]), ensure_key(store), folder)
        importer = Importer(folder)
        names = (*allow_hosts, *([host] if host not in ANY else []))
        app = make_app(store, importer, Settings(allow_hosts=names))
        stack.callback(app.state.context.jobs.stop)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=KEEP,
        )
        importer.start()
        stack.callback(importer.stop)

        def ready() -> None:
            note_server(folder, address.url)
            stack.callback(forget_server, folder)
            on_ready(address)

        _until_stopped(_Server(config, ready), listening)


@contextmanager
def logging_to(info: Callable[[str], None], error: Callable[[str], None]) -> Iterator[None]:
    """Hand what the server logs to those that tell people: its requests, and what goes wrong."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell = error if record.levelno >= logging.WARNING else info
            tell(self.format(record))

    levels = {"labelmetrics": logging.INFO, "uvicorn": logging.WARNING}
    handler = Told()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in levels:
            logging.getLogger(name).removeHandler(handler)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only server of a folder.

    Raises
    ------
    SettingError
        There is one.
    """
    there = running_server(folder)
    where = "" if there is None else f": {there.url} (process {there.pid})"
    taken = SettingError(f"a server runs on {folder} already{where}")
    try:
        import fcntl
    except ImportError:  # not everywhere
        if there is not None:
            raise taken from None
        yield
        return
    # The system takes the lock back from a process that is killed; a number of a process may be another's by now.
    with (folder / "serving").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise taken from None
        yield


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _until_stopped(server: _Server, listening: socket.socket) -> None:
    """Run; being interrupted or terminated is how a server ends well."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Any = signal.signal(signal.SIGTERM, stop)
    try:
        server.run([listening])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket at a port that is free.

    Raises
    ------
    SettingError
        There is none.
    """
    wanted = [port] if port is not None else range(PORT, PORT + TRIED)
    reason: OSError | None = None
    for one in wanted:
        try:
            family = socket.getaddrinfo(host or None, one, type=socket.SOCK_STREAM)[0][0]
            # With its protocol, or answers would wait for the acknowledgement of their headers: asyncio looks at it.
            listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        except OSError as error:
            raise SettingError(f"--host {host}: {error.strerror or error}") from error
        try:
            # A port whose last connections are just ending counts as free; one that is listened at does not.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, one))
            listening.listen(2048)
        except (OSError, OverflowError) as error:
            listening.close()
            reason = error if isinstance(error, OSError) else None
            continue
        return listening
    what = f"port {port}" if port is not None else f"every port from {PORT} to {PORT + TRIED - 1}"
    raise SettingError(f"{what} cannot be listened at: {reason and reason.strerror}; ask for another with --port")
