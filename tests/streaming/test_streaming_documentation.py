"""Public names of ``labelmetrics.streaming``: the lists agree, all is described, nothing heavy is loaded."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labelmetrics import streaming

HERE = Path(streaming.__file__).parent
CLASSES = {name: getattr(streaming, name) for name in streaming.__all__ if inspect.isclass(getattr(streaming, name))}
FUNCTIONS = {
    name: getattr(streaming, name) for name in streaming.__all__ if inspect.isfunction(getattr(streaming, name))
}
FUNCTIONS |= {f"functional.{name}": getattr(streaming.functional, name) for name in streaming.functional.__all__}
METRICS = {name: one for name, one in CLASSES.items() if issubclass(one, streaming.Metric) and name != "Metric"}


def test_lists_of_names_agree() -> None:
    tree = ast.parse((HERE / "__init__.pyi").read_text())
    imports = {
        (node.module, alias.asname) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    homes = {(module, name) for module, names in streaming._HOME.items() for name in names}
    assert imports == homes | {("labelmetrics.streaming", "functional")}
    assert sorted(name for _, name in imports) == streaming.__all__
    assert set(streaming.__all__) <= set(dir(streaming))
    with pytest.raises(AttributeError, match="no attribute 'auc_roc'"):
        streaming.auc_roc  # noqa: B018


def test_no_module_hides_a_name() -> None:
    modules = {path.stem for path in HERE.rglob("*.py")} | {path.name for path in HERE.iterdir() if path.is_dir()}
    names = {*streaming.__all__, *streaming.functional.__all__} - {"functional"}
    assert modules & names == set()


def test_nothing_heavy_is_loaded() -> None:
    code = """if True:
        import sys
        from labelmetrics import streaming
        metrics = streaming.MetricCollection(["auc", "accuracy", streaming.MeanIoU(2)])
        heavy = {"pydantic", "pyarrow", "shapely", "PIL", "torch", "keras", "requests", "rich"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", f"{text}\n", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(text: str) -> list[str]:
    heads = re.findall(r"^(\S[^\n]*?)(?: : [^\n]*)?$", sections(text).get("Parameters", ""), re.MULTILINE)
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_all_is_described(name: str) -> None:
    public: Any = CLASSES.get(name) or FUNCTIONS[name]
    text = inspect.getdoc(public) or ""
    assert text.partition("\n")[0].endswith(".")
    assert ">>> " in sections(text)["Examples"]
    expected = [one for one in inspect.signature(public).parameters if name != "Value"]
    assert sorted(documented(text)) == sorted(expected)
    for method, function in vars(public).items():
        if not method.startswith("_") and inspect.isfunction(function):
            assert (inspect.getdoc(function) or "").partition("\n")[0].endswith((".", "``"))


@pytest.mark.parametrize("name", METRICS)
def test_metrics_say_formula_shapes_and_source(name: str) -> None:
    text = inspect.getdoc(METRICS[name]) or ""
    assert [line for line in ("Formula", "Shapes", "Source") if f"\n{line}: " not in text] == []
    assert list(METRICS[name].__signature__.parameters) == list(inspect.signature(METRICS[name]).parameters)
