"""The configuration of a gate: what is read, what is refused, and its schema."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from labelmetrics.errors import InputError
from labelmetrics.formats.gate_config import BOUNDS, Check, GateConfig, Guards, Match, read_gate_config, share_of
from labelmetrics.formats.schema import schemas

FULL = """
resamples = 2000
seed = 7

[slices]
left = 'metadata.camera == "left"'
some = ["a", "globalKey:b"]
night = { match = "^night-" }

[guards]
features = "ignore"

[[check]]
metric = "recall"
feature = ["cat", "dog"]
slice = "*"
split = "TEST"
confidence = 0.5
min = 0
max = 1
min_support = 20
severity = "warn"
reason = "as agreed"

[[check]]
metric = "f1"
feature = "*"
subclass = "red"
max_drop = "2%"
max_rise = 0.5
significance = 0.05
"""


def test_everything(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(FULL)
    config = read_gate_config(tmp_path / "gate.toml")
    assert config.check[0].feature == ["cat", "dog"]
    assert config.check[1].bounds == {"max_drop": "2%", "max_rise": 0.5}
    assert [check.needs_baseline for check in config.check] == [False, True]
    assert config.slices["night"] == Match(match="^night-")
    assert config.names_of_slices(config.check[0]) == ["left", "some", "night"]
    assert config.names_of_slices(config.check[1]) == [None]
    assert (config.seed, config.guards.features, config.guards.data_rows) == (7, "ignore", "fail")
    assert read_gate_config(config) is config
    Draft202012Validator(schemas()["gate"]).validate(tomllib.loads(FULL))


def test_from_pyproject(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.labelmetrics.gate]\nseed = 3\n[[tool.labelmetrics.gate.check]]\nmetric = "f1"\nmin = 0.5\n')
    assert read_gate_config(path).seed == 3
    path.write_text("[tool.other]\n")
    with pytest.raises(InputError, match=r"has no \[tool.labelmetrics.gate\]"):
        read_gate_config(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[check]", "gate.toml: is not TOML"),
        ("", "check: is missing"),
        ("check = []", "check: "),
        ('[[check]]\nmetric = "f1"', "check 1 (f1): a check needs one of min, max, max_drop and max_rise"),
        ('[[check]]\nmetric = "f1"\nmni = 1\nmin = 0', "check 1 (f1): mni: there is no such key; near it: min"),
        ('[[check]]\nmetric = "f1"\nmin = "1"', "check 1 (f1): min: "),
        ('[[check]]\nmetric = "f1"\nmin = true', "check 1 (f1): min: "),
        ('[[check]]\nmetric = "f1"\nmin = nan', "check 1 (f1): min: "),
        ('[[check]]\nmetric = "f1"\nmin = 2\nmax = 1', "min is 2, which is more than max, 1"),
        ('[[check]]\nmetric = "f1"\nmax_drop = "2"', 'a share such as "2%"'),
        ('[[check]]\nmetric = "f1"\nmax_drop = -1', "a number of at least 0"),
        ('[[check]]\nmetric = "f1"\nmin = 1\nfeature = []', "feature: "),
        ('[[check]]\nmetric = "f1"\nmin = 1\nfeature = 3', 'feature: expected a name, a list of names or "*", got 3'),
        ('[[check]]\nmetric = "f1"\nmin = 1\nsubclass = "x"', "a subclass belongs to a feature"),
        ('[[check]]\nmetric = "ap"\nmin = 1\nsignificance = 0.1', "so it takes no significance"),
        ('[[check]]\nmetric = "f1"\nmin = 1\nsignificance = 1', "significance: "),
        ('[[check]]\nmetric = "f1"\nmin = 1\nsplit = "test"', "split: "),
        ('[[check]]\nmetric = "f1"\nmin = 1\nslice = "nihgt"\n[slices]\nnight = "width > 1"', "near it: night"),
        ('[[check]]\nmetric = "f1"\nmin = 1\n[slices]\nx = 3', "slice x: expected an expression, a list of data rows"),
        ('[[check]]\nmetric = "f1"\nmin = 1\n[slices]\nx = {match = "("}', "slice x: '(' is no regular expression"),
        ('[[check]]\nmetric = "f1"\nmin = 1\n[guards]\nrows = "fail"', "guards: rows: there is no such key"),
        ('sed = 1\n[[check]]\nmetric = "f1"\nmin = 1', "sed: there is no such key; near it: seed"),
    ],
)
def test_faults_say_where(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_gate_config(path)
    assert str(path) in str(refused.value)
    assert expected in str(refused.value)


def test_all_faults_at_once() -> None:
    with pytest.raises(InputError) as refused:
        read_gate_config({"check": [{"metric": "f1", "min": "a"}, {"metric": "f1", "mx": 1}], "sed": 1})
    assert [fault.path for fault in refused.value.faults] == ["check 1 (f1): min", "check 2 (f1): mx", "sed"]


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_gate_config(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    "config",
    [
        {"check": []},
        {"check": [{"metric": "f1", "min": "a"}]},
        {"check": [{"metric": "f1", "min": 1, "other": 1}]},
        {"check": [{"metric": "f1", "max_drop": "2"}]},
        {"check": [{"metric": "f1", "min": 1}], "slices": {"x": {"mtch": "a"}}},
        {"check": [{"metric": "f1", "min": 1}], "resamples": 1},
    ],
)
def test_the_schema_refuses_too(config: Any) -> None:
    assert not Draft202012Validator(schemas()["gate"]).is_valid(config)
    with pytest.raises(InputError):
        read_gate_config(config)


def test_bounds_and_shares() -> None:
    assert set(BOUNDS) <= set(Check.model_fields)
    assert share_of("0.5%") == 0.005
    config = GateConfig(check=[Check(metric="f1", min=0.5)])
    assert json.loads(config.model_dump_json())["check"][0]["min"] == 0.5


PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")


def test_the_page_on_the_gate_is_true() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(read_gate_config(tomllib.loads(example)).check) == 3
    keys = PAGE.partition("| key of a check |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]+) \|", keys, re.MULTILINE)))
    assert named == list(Check.model_fields)
    assert [name for name in Guards.model_fields if f"`{name}`" not in PAGE] == []
    assert all(f"`{name}`" in PAGE for name in GateConfig.model_fields if name not in ("check", "slices", "guards"))
