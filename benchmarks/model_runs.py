"""The local server of model runs: importing, aggregating, many uploaders at once, and other requests meanwhile.

    python -m benchmarks.model_runs [DIRECTORY] [--rows 100000] [--uploaders 50] [--markdown FILE]

Lines are those of an evaluation of generated data with 15 confidence keys (100,000 data rows: 1,014,915 lines,
made once and kept in the directory). The server is a process of its own, as ``labelmetrics serve`` starts it, with an
empty folder; memory is that of its two processes together at their peak (the sum of what each held at most).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import requests

import labelmetrics as lm
from benchmarks import generate
from benchmarks.measure import table
from benchmarks.run import machine
from labelmetrics.places import read_key

KEYS = 15
SETTLES = 10.0
"""Seconds after an import in which the server sums the run up for its lists."""
ROWS_AT_ONCE = 10_000


class Server(NamedTuple):
    """A running server."""

    url: str
    key: str
    process: subprocess.Popen[str]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        answer = requests.request(method, f"{self.url}/api/{path}", headers=headers, timeout=600, **options)
        answer.raise_for_status()
        return answer

    def memory(self) -> int:
        """The most that its processes have held, in bytes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = 0
        for pid in (str(self.process.pid), *children):
            status = Path(f"/proc/{pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status)
            found += int(peak[1]) * 1024 if peak else 0
        return found


@contextmanager
def running(home: Path) -> Iterator[Server]:
    """A server on an empty folder."""
    program = [sys.executable, "-m", "labelmetrics", "serve", "--home", str(home), "--port", "0"]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    try:
        noted = home / "server.json"
        while not noted.exists():
            assert process.poll() is None, "the server did not start"
            time.sleep(0.05)
        key = read_key(home)
        assert key is not None
        yield Server(json.loads(noted.read_text())["url"], key, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def made_lines(folder: Path, rows: int) -> Path:
    """Metric lines of an evaluation of generated data."""
    file = folder / f"metrics-{rows}.ndjson"
    if not file.exists():
        sides = generate.coco_like(rows).write(folder / f"data-{rows}")
        lm.evaluate_files(
            *sides,
            outputs=[file],
            confidences=KEYS,
            over_limit="keep",
            missing_ground_truth="empty",
            workers=os.cpu_count(),
        )
    return file


def new_run(server: Server, name: str, rows: list[str]) -> str:
    """A run with data rows."""
    made = server.request("POST", "runs", json={"model": "benchmark", "run": name}).json()
    run_id: str = made["run"]["id"]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        lines = "".join(f'{{"globalKey":"{key}"}}\n' for key in rows[start : start + ROWS_AT_ONCE])
        server.request("POST", f"runs/{run_id}/data-rows", data=lines.encode(), headers=NDJSON)
    return run_id


NDJSON = {"Content-Type": "application/x-ndjson"}


def imported(server: Server, run_id: str, name: str, content: bytes | Any) -> dict[str, Any]:
    """Send lines, wait until they are stored, and give the import."""
    sent = server.request("POST", f"runs/{run_id}/predictions", params={"name": name}, data=content, headers=NDJSON)
    found: dict[str, Any] = sent.json()
    while found["state"] == "RUNNING":
        time.sleep(0.05)
        found = server.request("GET", f"imports/{found['id']}").json()
    assert found["state"] == "FINISHED", found
    assert not found["failures"], found
    return found


def asking(server: Server, run_id: str, stop: threading.Event) -> list[float]:
    """Seconds that requests of several kinds take, until it is told to stop."""
    taken = []
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.key}"
    document = {
        "query": "query A($id: ID!) { modelRun(where: {id: $id}) { id name updatedAt } }",
        "variables": {"id": run_id},
    }
    number = 0
    while not stop.is_set():
        number += 1
        start = time.perf_counter()
        if number % 4 == 0:
            answer = session.post(f"{server.url}/api/runs", json={"model": "other", "run": f"run {number}"}, timeout=60)
        elif number % 4 == 1:
            answer = session.get(f"{server.url}/api/runs/{run_id}/data-rows", timeout=60)
        elif number % 4 == 2:
            answer = session.get(f"{server.url}/", timeout=60)
        else:
            answer = session.post(f"{server.url}/graphql", json=document, timeout=60)
        taken.append(time.perf_counter() - start)
        answer.raise_for_status()
        time.sleep(0.02)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_runs", description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "labelmetrics-runs")
    parser.add_argument("--rows", type=int, default=100_000, help="data rows; each has about 10 lines")
    parser.add_argument("--uploaders", type=int, default=50)
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    file = made_lines(arguments.directory, arguments.rows)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as home, running(Path(home)) as server:
        found = measure(server, file, arguments.uploaders)
    text = f"{machine()}\n\n{table(['what', 'measured'], found)}"
    print(text)
    if arguments.markdown is not None:
        arguments.markdown.write_text(text + "\n")


def measure(server: Server, file: Path, uploaders: int) -> list[list[str]]:
    """Rows of the table."""
    rows = sorted(set(re.findall(rb'"globalKey":"([^"]+)"', file.read_bytes())))
    run_id = new_run(server, "first", [row.decode() for row in rows])
    with file.open("rb") as stream:
        seconds, done = timed(lambda: imported(server, run_id, "all", stream))
    importing = server.memory()
    waits = waited(server, run_id, file)
    memory = server.memory()
    found = [
        [
            "lines imported, upload included",
            f"{done['lines']:,} in {seconds:.1f} s: {done['lines'] / seconds:,.0f} a second",
        ],
        ["memory of the server's processes", f"{importing >> 20:,} MiB importing, {memory >> 20:,} MiB summing up"],
        [
            "other requests meanwhile",
            (
                f"{np.quantile(waits, 0.5) * 1e3:.0f} ms (median), {np.quantile(waits, 0.95) * 1e3:.0f} ms (95 %), "
                f"{waits.max() * 1e3:.0f} ms (longest) of {len(waits):,}"
            ),
        ],
    ]
    time.sleep(SETTLES)
    confidence = {"metric": "50pct_iou", "confidence": repr(6 / KEYS)}
    cold, first = timed(lambda: server.request("GET", f"runs/{run_id}/aggregate", params=confidence).json())
    warm, again = timed(lambda: server.request("GET", f"runs/{run_id}/aggregate", params=confidence).json())
    assert first == again
    found.append(
        [
            f"aggregating at one of {KEYS} keys, {len(first['rows'])} rows",
            f"{cold * 1e3:.0f} ms cold, {warm * 1e3:.0f} ms warm",
        ]
    )
    found.append(["uploaders at once", at_once(server, rows, uploaders)])
    return found


def waited(server: Server, run_id: str, file: Path) -> Any:
    """Seconds that other requests take while the lines are imported once more."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(asking, server, run_id, stop)
        try:
            with file.open("rb") as stream:
                imported(server, run_id, "again", stream)
        finally:
            stop.set()
        return np.array(others.result())


def timed(work: Any) -> tuple[float, Any]:
    """Seconds that something takes, and what it gives."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def at_once(server: Server, rows: list[bytes], n: int) -> str:
    """Many uploaders at once, each with an import of its own in one run; then every line must be there."""
    each = 200
    keys = [row.decode() for row in rows[:each]]
    run_id = new_run(server, "shared", keys)

    def upload(number: int) -> int:
        lines = "".join(
            f'{{"dataRow":{{"globalKey":"{key}"}},"metricName":"m","featureName":"feature {number}",'
            f'"metricValue":{place},"aggregation":"SUM"}}\n'
            for place, key in enumerate(keys)
        )
        done: int = imported(server, run_id, hashlib.sha256(lines.encode()).hexdigest(), lines.encode())["lines"]
        return done

    start = time.perf_counter()
    with ThreadPoolExecutor(n) as pool:
        lines = sum(pool.map(upload, range(n)))
    seconds = time.perf_counter() - start
    held = server.request("GET", f"runs/{run_id}/metrics").content.count(b"\n")
    assert held == lines == n * len(keys)
    return f"{n}, {lines:,} lines in {seconds:.1f} s, without an error"


if __name__ == "__main__":
    main()
