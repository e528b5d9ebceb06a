"""Servers and uploaders that are killed and started again.

Run as a program, this is a process that has loaded everything, and starts others as copies of itself: each is a process
of its own, which is there at once. Servers take imports in small parts, so that a kill falls into the midst.
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


class Mother:
    """The process that starts others."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *what: object) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*what, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer
        return answer

    def wait(self, pid: int) -> int:
        """Wait until a process has ended, and say how."""
        return int(self.ask("wait", pid))

    def upload(self, url: str, key: str, run_id: str, path: Path) -> int:
        """Start to upload a file, and say by which process; its result is written beside the file."""
        return int(self.ask("upload", url, key, run_id, path))


@contextmanager
def mother() -> Iterator[Mother]:
    """One that ends with the block, and what it has started with it."""
    made = Mother()
    try:
        yield made
    finally:
        assert made.process.stdin is not None
        made.process.stdin.close()
        made.process.wait(60)


class Servers:
    """One server after the other, on one folder and port.

    Parameters
    ----------
    mother : Mother
        Starts them.
    home : Path
        The folder.
    """

    def __init__(self, mother: Mother, home: Path) -> None:
        self.mother, self.home = mother, home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.pid, self.key = 0, ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What all of them have said."""
        return _log_of(self.home).read_text()

    def start(self, fault: str = "none") -> None:
        """Start a server; ``fault`` is a moment at which it kills itself."""
        pid, self.key = self.mother.ask("serve", self.home, self.port, fault).split()
        self.pid = int(pid)

    def kill(self, *, with_worker: bool = False) -> None:
        """Kill the server, and perhaps the process that works through its imports, too."""
        workers = _children(self.pid) if with_worker else []
        for pid in (self.pid, *workers):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def stop(self) -> int:
        """Stop the server as a system does that is shut down, and say how it ended."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until the server has ended, and say how."""
        return self.mother.wait(self.pid)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]


def _log_of(home: Path) -> Path:
    return home.with_suffix(".log")


# ---- in the other process


def _main() -> None:
    import labelmetrics.runs.upload
    import labelmetrics.server.serving  # noqa: F401

    running: set[int] = set()
    for line in sys.stdin:
        word, *given = line.split()
        if word == "wait":
            pid = int(*given)
            running.discard(pid)
            _tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            continue
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                {"serve": _serve, "upload": _upload}[word](*given)
                code = 0
            finally:
                os._exit(code)
        running.add(pid)
        if word == "upload":
            _tell(pid)
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _tell(*what: object) -> None:
    print(*what, flush=True)


def _serve(home: str, port: str, fault: str) -> None:
    from labelmetrics.server.serving import serve

    with _log_of(Path(home)).open("a") as log:
        os.dup2(log.fileno(), 2)
    _break_at(fault)
    serve(home, port=int(port), on_ready=lambda address: _tell(os.getpid(), address.key))


def _upload(url: str, key: str, run_id: str, path: str) -> None:
    import labelmetrics as lm
    from labelmetrics.runs.transport import Retries

    retries = Retries(first=0.05, longest=0.2)
    client = lm.Client(key, f"{url}/graphql", retries=retries, folder=Path(path).parent)
    job = client.get_model_run(run_id).add_predictions("fit", path, part_lines=50, threads=3)
    Path(f"{path}.result").write_text(str(job.result().succeeded))


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
    _main()
