"""The notebooks run, and what they show is what they print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
LARGEST = 400_000
"""Bytes of a notebook with its pictures."""
NEEDS = {"04_training": "sklearn"}
"""What a notebook imports beside what the tests need."""


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, tmp_path: Path) -> None:
    assert path.stat().st_size < LARGEST
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem])
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    for number, (shown, printed) in enumerate(zip(stored.cells, notebook.cells, strict=True), 1):
        if "find_spec" in shown.source and find_spec("labelbox") is None:
            continue  # the part that needs it says so instead
        assert texts(shown) == texts(printed), f"cell {number} of {path.name}: run it again and save"


def texts(cell: Any) -> list[str]:
    """The words that a cell shows, pictures and the layout of tables aside."""
    found: list[str] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            assert output.name == "stdout", output.text
            # How a kernel cuts what is printed into messages is a matter of chance.
            found.extend(output.text.split())
        elif "image/png" in output.data:
            found.append("picture")
        else:
            found.extend(output.data["text/plain"].split())
    return found
