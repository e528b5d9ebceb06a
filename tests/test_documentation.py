"""Everything that the documentation shows is run, and everything public is documented."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import inspect
import io
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from servers import Server, serving

import labelmetrics
from labelmetrics.formats.manifest import Counts, Digests, Manifest, PartsManifest, Provenance, Settings
from labelmetrics.formats.schema import schemas

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(labelmetrics.__path__, "labelmetrics.")
    if not found.name.endswith("__main__")
)
PUBLIC = [name for name in labelmetrics.__all__ if not name.startswith("__")]
FLAGS = doctest.ELLIPSIS
SERVE = "labelmetrics serve"
IMPLIED = {"extra", "class_name"}
"""Fields that every model of a kind has, and that its page need not repeat."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; packages that stand behind its language are those that it needs beside ours."""

    language: str
    needs: tuple[str, ...]
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w*)([^\n]*)\n(.*?)^```\s*$", text, re.MULTILINE | re.DOTALL)
    return [Block(one[1], tuple(one[2].split()), one[3], text.count("\n", 0, one.start(3)) + 1) for one in found]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's command for the main job has run."""
    folder = tmp_path_factory.mktemp("documentation")
    command = next(block.text for block in blocks(ROOT / "README.md") if block.language == "bash")
    install, _, job = command.partition(" && ")
    assert install == "pip install ."
    assert shell(job, folder).returncode == 0
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The server that a reader has started where a page says ``labelmetrics serve``."""
    with serving(tmp_path / "server") as running:
        yield running


@pytest.fixture
def here(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as working directory."""
    monkeypatch.setenv("LABELMETRICS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "here"
    shutil.copytree(demo, folder)
    monkeypatch.chdir(folder)
    # Modules that examples write are imported again by the next page.
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def shell(command: str, folder: Path, scripts: Path = Path(sys.executable).parent) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def agree(wanted: str, got: str) -> bool:
    checker = doctest.OutputChecker()
    return checker.check_output(_stripped(wanted), _stripped(got), FLAGS)


def _stripped(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())


def run_console(block: Block, folder: Path, scripts: Path) -> None:
    """Commands after ``$``; what follows one is its output, and ``[exit code N]`` its code unless that is 0."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = next((n for n, line in enumerate(lines, 1) if not line.endswith("\\")), len(lines))
        command, wanted = "\n".join(lines[:length]), "\n".join(lines[length:])
        if command == SERVE:  # it runs until it is interrupted; the fixture has started it
            continue
        code = re.search(r"^\[exit code (\d+)\]$", wanted, re.MULTILINE)
        wanted = re.sub(r"^\[exit code \d+\]$", "", wanted, flags=re.MULTILINE)
        done = shell(command, folder, scripts)
        assert done.returncode == (int(code[1]) if code else 0), f"{command}\n{done.stdout}"
        if wanted.strip():
            assert agree(wanted, done.stdout), f"{command}\n--- shown\n{wanted}\n--- printed\n{done.stdout}"


def run_python(block: Block, names: dict[str, Any], page: str) -> str:
    """Run a block; what a plain one prints is returned, a session is compared with what it shows."""
    if ">>> " not in block.text:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), names)
        return printed.getvalue()
    test = doctest.DocTestParser().get_doctest(block.text, names, page, page, block.line - 1)
    test.globs = names
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), io.StringIO()
    runner.run(test, out=report.write, clear_globs=False)
    assert not runner.failures, report.getvalue()
    return ""


def run_alone(block: Block, folder: Path) -> str | None:
    """What a block prints that needs other packages, in a process of its own; nothing where one is missing."""
    if any(importlib.util.find_spec(name) is None for name in block.needs):
        return None
    (folder / "example.py").write_text(block.text)
    done = shell("KERAS_BACKEND=torch python example.py", folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_of_pages(
    page: Path, here: Path, ready: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if f"$ {SERVE}\n" in page.read_text("utf-8"):
        monkeypatch.setenv("LABELMETRICS_HOME", str(request.getfixturevalue("server").home))
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = None
    for block in blocks(page):
        if block.language == "console":
            run_console(block, here, ready)
        elif block.needs:
            printed = run_alone(block, here)
            continue
        elif block.language in ("python", "pycon"):
            printed = run_python(block, names, page.name)
            continue
        elif block.language == "text" and printed is not None:  # what the block above it prints
            assert agree(block.text, printed), f"line {block.line}\n--- shown\n{block.text}\n--- printed\n{printed}"
        printed = None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_pages(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        other = (page.parent / file).resolve() if file else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            missing.append(target)
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = (heading.lower() for heading in re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_index_lists_all_pages() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []


def test_python_reference_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_python", ROOT / "docs" / "make_python.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "python.md").read_text("utf-8") == module.page(), "run: python docs/make_python.py"
    streaming = (ROOT / "docs" / "streaming.md").read_text("utf-8")
    assert streaming == module.with_table(streaming), "run: python docs/make_python.py"


def test_no_module_hides_a_public_name() -> None:
    assert [name for name in PUBLIC if f"labelmetrics.{name}" in MODULES] == []


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name: str, here: Path) -> None:
    try:
        module = import_module(name)
    except labelmetrics.MissingPackageError as error:
        pytest.skip(str(error))
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), io.StringIO()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=report.write)
    assert not runner.failures, report.getvalue()


# ------------------------------------------------------------------------------------------------------- docstrings


def sections(text: str) -> dict[str, str]:
    """Sections of a numpydoc docstring, by their headings."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", f"{text}\n", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(text: str) -> list[str]:
    heads = re.findall(r"^(\S[^\n]*?)(?: : [^\n]*)?$", sections(text).get("Parameters", ""), re.MULTILINE)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(public: Any) -> list[str]:
    if inspect.isclass(public) and issubclass(public, Enum | BaseException) and "__init__" not in vars(public):
        return []
    try:
        signature = inspect.signature(public)
    except ValueError:  # of a built-in class
        return []
    return [name for name in signature.parameters if not name.startswith("_") and name != "self"]


def documented_objects() -> Iterator[tuple[str, Any]]:
    for name in PUBLIC:
        public = getattr(labelmetrics, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            yield name, public


OBJECTS = dict(documented_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_has_an_example(name: str) -> None:
    text = inspect.getdoc(OBJECTS[name]) or ""
    assert text.partition("\n")[0].endswith(".")
    assert ">>> " in sections(text).get("Examples", "")
    assert "+SKIP" not in text


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_names_the_parameters(name: str) -> None:
    public = OBJECTS[name]
    text, expected = inspect.getdoc(public) or "", parameters(public)
    found = documented(text)
    other = re.search(r"[Pp]arameters(?:\s+and\s+errors)?\s+are\s+those\s+of\s+:func:`(\w+)`", text)
    if other:  # the rest is told there
        assert set(expected) <= set(found) | set(parameters(OBJECTS[other[1]]))
    elif inspect.isfunction(public):
        assert found == expected
    else:
        assert set(expected) - IMPLIED <= set(found) <= set(expected)


@pytest.mark.parametrize("name", [name for name, public in OBJECTS.items() if inspect.isclass(public)])
def test_methods_are_described(name: str) -> None:
    for method, function in vars(OBJECTS[name]).items():
        function = getattr(function, "__func__", getattr(function, "fget", function))
        if method.startswith("_") or not inspect.isfunction(function) or function.__name__ == "<lambda>":
            continue
        text = inspect.getdoc(function) or ""
        assert text.partition("\n")[0].endswith("."), f"{name}.{method}"
        found, expected = documented(text), [one for one in parameters(function) if one != "cls"]
        assert not found or set(found) <= set(expected), f"{name}.{method}"


# ---------------------------------------------------------------------------------------------------- tables, fields


def table_of(page: str, heading: str) -> list[str]:
    """Names in the first column of the tables under a heading."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    part = re.split(rf"^##+ {re.escape(heading)}\n", text, flags=re.MULTILINE)[1]
    part = re.split(r"^## ", part, flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("table", ["objects", "pairs", "counts", "iou", "data_rows", "metrics"])
def test_columns_of_evaluation_files_are_documented(table: str, demo: Path) -> None:
    columns = pq.read_schema(demo / "demo" / "results.lmeval" / f"{table}.parquet").names
    shown = [column.replace("_50pct_iou", "_NAME") for column in columns]
    assert sorted(table_of("evaluation-file.md", f"{table}.parquet")) == sorted(shown)


def test_fields_of_manifest_and_sidecar_are_documented() -> None:
    assert table_of("evaluation-file.md", "manifest.json") == list(Manifest.model_fields)
    page = (ROOT / "docs" / "evaluation-file.md").read_text("utf-8")
    names = [*Settings.model_fields, *Digests.model_fields, *Counts.model_fields]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert set(table_of("formats.md", "Provenance sidecar")) == set(Provenance.model_fields)
    assert set(table_of("formats.md", "Part files")) == set(PartsManifest.model_fields)


def test_fields_of_lines_are_documented() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    known = schemas()
    names = {name for kind in ("metric_line", "annotation_line") for name in _properties(known[kind])}
    assert [name for name in sorted(names) if f"`{name}`" not in page and f'"{name}"' not in page] == []


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _properties(part)
