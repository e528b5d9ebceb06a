"""A proxy between a client and a server that does what networks and servers do on their bad days, by a seed."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

RATE_LIMIT = {"message": "You have exceeded the rate limit"}
IN_A_ROW = 5
"""Most faults one after the other, so that a client which tries often enough always comes through."""

FAULTS = (
    "drop before",
    "drop within",
    "drop after",
    "cut",
    "cut in the head",
    "delay",
    "429",
    "429 with a time",
    "429 of the protocol",
    "200 with a rate limit",
    "500",
    "502",
    "500 after",
    "502 after",
)


class Proxy:
    """Forwards requests to a port, each with a fault by a chance.

    Parameters
    ----------
    port : int
        Where the server is.
    seed : int
        Which faults there are.
    share : float
        How many requests have one.
    """

    def __init__(self, port: int, seed: int, share: float = 0.5) -> None:
        self.upstream, self.share = port, share
        self.faults: Counter[str] = Counter()
        self.passed = 0
        self._random, self._lock, self._in_a_row = random.Random(seed), threading.Lock(), 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Answer until it is closed; each connection brings one request."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _choose(self) -> tuple[str | None, float]:
        with self._lock:
            is_fault = self._in_a_row < IN_A_ROW and self._random.random() < self.share
            self._in_a_row = self._in_a_row + 1 if is_fault else 0
            # First each of them once, so that none is left out by chance.
            waiting = [fault for fault in FAULTS if not self.faults[fault]]
            fault = self._random.choice(waiting or FAULTS) if is_fault else None
            if fault is None:
                self.passed += 1
            else:
                self.faults[fault] += 1
            return fault, self._random.random()

    def _handle(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(60)
            request = _request(client)
            if request is None:
                return
            fault, share = self._choose()
            match fault:
                case "drop before":
                    return
                case "drop within":
                    head, _, body = request.partition(b"\r\n\r\n")
                    self._forward(head + b"\r\n\r\n" + body[: int(len(body) * share)], is_whole=False)
                    return
                case "delay":
                    time.sleep(0.2 * share)
                case "429":
                    client.sendall(_answer(429, {"message": "slow down"}))
                    return
                case "429 with a time":
                    client.sendall(_answer(429, b"busy", ("Retry-After", "0")))
                    return
                case "429 of the protocol":
                    client.sendall(_answer(429, RATE_LIMIT))
                    return
                case "200 with a rate limit":
                    client.sendall(_answer(200, RATE_LIMIT))
                    return
                case "500" | "502":
                    client.sendall(_answer(int(fault), b"<html>no</html>"))
                    return
            answer = self._forward(request)
            match fault:
                case "drop after":
                    return
                case "cut":
                    answer = answer[: -1 - int((len(answer) - answer.find(b"\r\n\r\n") - 5) * share)]
                case "cut in the head":
                    answer = answer[: int(answer.find(b"\r\n\r\n") * share)]
                case "500 after" | "502 after":
                    answer = _answer(int(fault[:3]), b"the answer is lost")
            client.sendall(answer)

    def _forward(self, request: bytes, *, is_whole: bool = True) -> bytes:
        with socket.create_connection(("127.0.0.1", self.upstream), timeout=60) as server:
            server.sendall(request)
            if not is_whole:
                return b""
            chunks = []
            while chunk := server.recv(1 << 16):
                chunks.append(chunk)
            answer = b"".join(chunks)
        if not answer:
            raise ConnectionError
        return answer


def _request(client: socket.socket) -> bytes | None:
    """A request as it came in, except that its connection is not kept."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(1 << 16)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    sizes = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
    length = sizes[0] if sizes else 0
    parts, missing = [body], length - len(body)
    while missing > 0:
        chunk = client.recv(min(missing, 1 << 20))
        if not chunk:
            return None
        parts.append(chunk)
        missing -= len(chunk)
    return b"\r\n".join([*lines, b"Connection: close", b"", b"".join(parts)])


def _answer(status: int, body: Any, *headers: tuple[str, str]) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers), "", ""]).encode() + content


@contextmanager
def between(port: int, seed: int, share: float = 0.5) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    proxy = Proxy(port, seed, share)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
