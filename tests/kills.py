"""Servers that are killed and started again, on one folder and one port.

Run as a program, this is a process that has loaded everything, and starts servers as copies of itself: each is a
process of its own, which is there at once. They take imports in small parts, so that a kill falls into the midst.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

if __name__ in ("__main__", "__mp_main__"):  # also in the process that works through imports
    from labelmetrics.store import importing

    importing.LINES = 100


class Servers:
    """One server after the other.

    Parameters
    ----------
    home : Path
        The folder that they have in common.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.pid = 0
        self.key = ""
        self.log = home.with_suffix(".log")
        with self.log.open("w") as log:
            self._mother = subprocess.Popen(
                [sys.executable, __file__, str(home), str(self.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, fault: str = "none") -> None:
        """Start a server; ``fault`` is a moment at which it kills itself."""
        word, pid, key = self._ask(f"start {fault}").split()
        assert word == "ready"
        self.pid, self.key = int(pid), key

    def kill(self, *, with_worker: bool = False) -> None:
        """Kill the server, and perhaps the process that works through its imports, too."""
        workers = children(self.pid) if with_worker else []
        for pid in (self.pid, *workers):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Wait until the server has ended, and say how."""
        return int(self._ask(f"wait {self.pid}"))

    def close(self) -> None:
        assert self._mother.stdin is not None
        self._mother.stdin.close()
        self._mother.wait(30)

    def _ask(self, what: str) -> str:
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(f"{what}\n")
        self._mother.stdin.flush()
        answer = self._mother.stdout.readline()
        assert answer, self.log.read_text()
        return answer


@contextmanager
def servers(home: Path) -> Iterator[Servers]:
    """Servers that end with the block."""
    made = Servers(home)
    try:
        yield made
    finally:
        made.close()


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]


def _main(home: Path, port: int) -> None:
    from labelmetrics.server import serving

    running: set[int] = set()
    for line in sys.stdin:
        word, argument = line.split()
        if word == "wait":
            pid = int(argument)
            running.discard(pid)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _break_at(argument)
            serving.serve(
                home, port=port, on_ready=lambda address: print("ready", os.getpid(), address.key, flush=True)
            )
            os._exit(0)
        running.add(pid)
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _break_at(moment: str) -> None:
    """Let this process die when it gets there."""
    from labelmetrics.server import intake
    from labelmetrics.server.uploads import Upload

    def dying(function: Any) -> Any:
        def called(*given: Any, **named: Any) -> Any:
            function(*given, **named)
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

        return called

    match moment:
        case "received":
            Upload._close = dying(Upload._close)  # type: ignore[method-assign]
        case "kept":
            Upload.keep = dying(Upload.keep)  # type: ignore[method-assign]
        case "noted":
            intake._noted = dying(intake._noted)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
