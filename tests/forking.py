"""A command ``labelmetrics`` that is there at once: what it imports has been imported before.

``python forking.py SOCKET`` imports the package and what its commands load, then runs each command that it is
asked for in a process of its own, forked from there, with the arguments, folder, environment and streams of who asks.
Examples that call many commands from a shell take a fraction of the time; what they do, print and return is the same.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import labelmetrics
from labelmetrics.cli import COMMANDS, main

USED = (
    *("pandas", "pyarrow.dataset", "pyarrow.json", "pyarrow.parquet", "pycocotools.mask", "requests"),
    *("rich.progress", "rich.table", "shapely"),
)
"""What commands load when they run."""

# The command: no more than it needs is imported, which is most of what it takes.
ASK = """#!{python} -IS
import json, os, socket, sys
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(asked)
    code = line.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextmanager
def ready_command(folder: Path) -> Iterator[Path]:
    """A folder for ``PATH`` in which such a command stands."""
    folder.mkdir()
    address = folder / "socket"
    command = folder / "labelmetrics"
    command.write_text(ASK.format(python=sys.executable, address=str(address)), "utf-8")
    command.chmod(0o755)
    arguments = [sys.executable, "-W", "ignore", __file__, str(address)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield folder
        finally:
            process.terminate()


def serve(address: str) -> None:
    """Run what is asked for, forever."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes of commands
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            line, _ = listening.accept()
            with line:
                if os.fork() == 0:
                    listening.close()
                    run_one(line)


def run_one(line: socket.socket) -> NoReturn:
    """Run a command in this process, which ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(line, 8, 3)
    with line.makefile("rb") as content:
        arguments, folder, environment = json.loads(content.read(int.from_bytes(length, "big")))
    for stream, number in zip(streams, (0, 1, 2), strict=True):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["labelmetrics", *arguments]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code]))
        os._exit(code)  # taking all modules apart would take longer than most commands


if __name__ == "__main__":
    for name in (*(f"labelmetrics.cli.{name}" for name in COMMANDS), *labelmetrics._HOME, *USED):
        import_module(name)
    serve(sys.argv[1])
