"""Running the command line in tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from labelmetrics.cli import labelmetrics


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """Run a command within this process."""
    return CliRunner().invoke(labelmetrics, [str(one) for one in arguments], input=stdin, prog_name="labelmetrics")


def run_process(
    *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "labelmetrics", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=300,
    )


def ndjson(*lines: Any) -> bytes:
    """Lines of NDJSON; bytes are taken as they are."""
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def box_line(row: str = "a", name: str = "cat", left: Any = 0, width: Any = 10, **more: Any) -> dict[str, Any]:
    """A line with a box, ten pixels high."""
    box = {"top": 0, "left": left, "height": 10, "width": width}
    return {"uuid": f"{row}-{name}-{left}", "dataRow": {"globalKey": row}, "name": name, "bbox": box, **more}
