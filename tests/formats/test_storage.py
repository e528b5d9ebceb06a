"""Files of this machine and of shared storage have the same methods."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest

import labelmetrics as lm
from labelmetrics.formats.storage import (
    appearing,
    at_hand,
    move,
    open_arrow,
    path_of,
    paths_like,
    reason_of,
    remove,
    staging,
)


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder on this machine, or that a URL names."""
    places = {"path": tmp_path, "file": f"file://{tmp_path}", "memory": f"memory://{uuid4().hex}"}
    found = path_of(places[request.param]) / "folder"
    found.mkdir(parents=True)
    return found


def test_a_file_is_whole_or_not_there(folder: Path) -> None:
    target = folder / "a.txt"
    with appearing(target) as temporary:
        temporary.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    with pytest.raises(ZeroDivisionError), appearing(target) as temporary:
        temporary.write_bytes(b"hal")
        1 / 0  # noqa: B018
    assert target.read_bytes() == b"whole"
    assert [file.name for file in folder.iterdir()] == ["a.txt"]


def test_files_are_staged_moved_and_removed(folder: Path) -> None:
    with staging(folder, "stage-") as own:
        (own / "b.txt").write_bytes(b"b")
        move(own / "b.txt", folder / "deeper" / "b.txt")
    assert [file.name for file in folder.iterdir()] == ["deeper"]
    with at_hand(folder, ["deeper", "absent"]) as near:
        assert isinstance(near, Path)
        assert (near / "deeper" / "b.txt").read_bytes() == b"b"
    remove(folder)
    remove(folder)
    assert not folder.exists()


def test_patterns_and_tables(folder: Path) -> None:
    for name in ("x1.arrow", "x2.arrow", "y.arrow"):
        table = pa.table({"name": [name]})
        with appearing(folder / name) as temporary, pa.ipc.new_stream(str(temporary), table.schema) as writer:
            writer.write_table(table)
    found = paths_like(f"{folder}/x*.arrow")
    assert [file.name for file in found] == ["x1.arrow", "x2.arrow"]
    with open_arrow(found[1]) as stream:
        assert pa.ipc.open_stream(stream).read_all().to_pylist() == [{"name": "x2.arrow"}]
    with pytest.raises(FileNotFoundError) as caught:
        (folder / "none").open("rb")
    assert reason_of(caught.value).startswith("No such file")


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(lm.SettingError, match="nothing://x: Unsupported filesystem: 'nothing'"):
        path_of("nothing://x")
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(lm.SettingError, match=r"s3://b/x: URLs need .*: pip install 'labelmetrics\[dask\]'"):
        path_of("s3://b/x")
    assert path_of("x") == Path("x")
