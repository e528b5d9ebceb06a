"""Out of core: time and memory of ``labelmetrics evaluate`` for inputs of several sizes, beside parsing them.

    python -m benchmarks.scale DIRECTORY [--rows 50000 --rows 1000000] [--workers 2] [--output NAME] [--steps]
                               [--markdown FILE]

Data are generated in the directory and stay there (1,000,000 data rows: 3.9 GB, and as much again for the output and
for intermediate files). The command runs in a process of its own; memory is that of all its processes together,
looked at twenty times a second: the sum of what each holds itself and of its share of what several hold (PSS). Parsing
is ``pyarrow.json`` on all processors, the better of two times.

``--steps`` tells what each step takes instead, in one process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import generate
from benchmarks.measure import best, table
from benchmarks.parse_and_dump import parse
from benchmarks.run import machine

FILES = ("ground_truth.ndjson", "predictions.ndjson")
HEADER = ["data rows", "annotations", "input", "whole", "a row", "parsing", "whole / parsing", "memory", "output"]


STEPS = ["data rows", "annotations", "reading", "an annotation", "comparing and writing", "an annotation"]


class Measured(NamedTuple):
    """One run: seconds, and bytes of memory at its peak."""

    seconds: float
    memory: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rows", type=int, action="append", help="data rows; may be given repeatedly")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", default="metrics.ndjson", help="name of the output, which says what it is")
    parser.add_argument("--steps", action="store_true", help="time of each step in one process, not all of it")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    found = []
    for rows in arguments.rows or [50_000, 1_000_000]:
        folder = arguments.directory / str(rows)
        files = _generated(folder, rows)
        if arguments.steps:
            found.append(_steps(files, folder / arguments.output, rows))
            print(" | ".join(found[-1]), flush=True)
            continue
        parsed, annotations = best(lambda files=files: parse(files), 2)
        parsing = parsed.wall
        run = measure(files, folder / arguments.output, arguments.workers)
        size, written = (sum(map(_bytes_of, paths)) for paths in (files, [folder / arguments.output]))
        found.append(
            [
                f"{rows:,}",
                f"{annotations:,}",
                f"{size / 1e6:,.0f} MB",
                f"{run.seconds:.1f} s",
                f"{run.seconds / rows * 1e6:.0f} µs",
                f"{parsing:.1f} s",
                f"{run.seconds / parsing:.2f}",
                f"{run.memory / (1 << 20):,.0f} MiB",
                f"{written / 1e6:,.0f} MB",
            ]
        )
        print(" | ".join(found[-1]), flush=True)
    text = f"{machine()}\n\n{table(STEPS if arguments.steps else HEADER, found)}"
    print(f"\n{text}")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


def measure(files: tuple[Path, Path], output: Path, workers: int) -> Measured:
    """Run the command and look at its processes."""
    command = [sys.executable, "-m", "labelmetrics", "evaluate", "--quiet", *map(str, files), "-o", str(output)]
    command += ["--workers", str(workers), "--tmp", str(output.parent)]
    if output.suffix != ".lmeval":
        command += ["--over-limit", "keep"]
    _remove(output)
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_memory_of, _family(process.pid))))
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(process.returncode)
    return Measured(time.perf_counter() - start, peak)


def _steps(files: tuple[Path, Path], output: Path, rows: int) -> list[str]:
    """Times of the two steps of an evaluation in this process."""
    from labelmetrics import evaluate_files

    begun: dict[str, float] = {}

    def note(step: str, share: float) -> None:
        begun.setdefault(step.partition(" (")[0].partition(" /")[0], time.perf_counter())

    _remove(output)
    found = evaluate_files(*files, outputs=[output], over_limit="keep", tmp=output.parent, progress=note)
    n = found.manifest.counts.ground_truths + found.manifest.counts.predictions
    steps = begun["comparing"] - begun["reading"], begun["done"] - begun["comparing"]
    return [f"{rows:,}", f"{n:,}", *(cell for one in steps for cell in (f"{one:.1f} s", f"{one / n * 1e6:.2f} µs"))]


def _generated(folder: Path, rows: int) -> tuple[Path, Path]:
    files = folder / FILES[0], folder / FILES[1]
    return files if all(file.exists() for file in files) else generate.coco_like(rows).write(folder)


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _memory_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def _bytes_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
