"""Servers that tests start: each is a process of its own, with a folder of its own."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests


@dataclass
class Server:
    """A running server: its address, key, folder and process, and what it said."""

    url: str
    key: str
    home: Path
    process: subprocess.Popen[str]
    said: list[str]

    @property
    def endpoint(self) -> str:
        return f"{self.url}/graphql"

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def request(self, method: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        """A request with the key (or another one; none if it is empty)."""
        headers = dict(options.pop("headers", {}))
        if key != "":
            headers.setdefault("Authorization", f"Bearer {self.key if key is None else key}")
        return requests.request(method, self.url + path, headers=headers, timeout=60, **options)

    def graphql(self, query: str, variables: Any = None, **options: Any) -> dict[str, Any]:
        """The answer to a document."""
        answer = self.request("POST", "/graphql", json={"query": query, "variables": variables}, **options)
        found: dict[str, Any] = answer.json()
        return found

    def stop(self) -> int:
        """End the server as a terminal does, and say how it ended."""
        self.process.terminate()
        return self.process.wait(timeout=30)


def start(home: Path, *options: str, env: dict[str, str] | None = None) -> Server:
    """Start a server at a free port, and wait until it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "labelmetrics", "serve", "--home", str(home), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )
    said: list[str] = []
    first: queue.Queue[str] = queue.Queue()

    def read(stream: Any, sink: Any) -> None:
        for line in stream:
            sink(line)
        sink("")

    threading.Thread(target=read, args=(process.stdout, first.put), daemon=True).start()
    threading.Thread(target=read, args=(process.stderr, said.append), daemon=True).start()
    page = first.get(timeout=60).strip()
    if not page:
        process.wait(timeout=30)
        raise RuntimeError("".join(said))
    url, _, key = page.partition("/?key=")
    return Server(url, key, home, process, said)


@contextmanager
def serving(home: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server that ends with the block."""
    server = start(home, *options, env=env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
