"""The configuration of a gate: which checks there are, in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from labelmetrics.errors import Fault, InputError
from labelmetrics.words import near

__all__ = ["Check", "GateConfig", "Guards", "Match", "Slice", "read_gate_config", "share_of"]

TABLE = ("tool", "labelmetrics", "gate")
"""Where the configuration stands in ``pyproject.toml``."""
WHOLE = ("ap", "ap50", "ece")
"""Metrics that are made from all predictions at once."""
BOUNDS = ("min", "max", "max_drop", "max_rise")
EVERY = "*"

Number = Annotated[float, Field(allow_inf_nan=False)]
Least = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Share = Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")]
Name = Annotated[str, Field(min_length=1)]
Names = Name | Annotated[list[Name], Field(min_length=1)]
Severity = Literal["fail", "warn"]
Notice = Literal["fail", "warn", "ignore"]


class _Given(BaseModel):
    """Base of what a configuration holds: typed strictly, no unknown keys, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Check(_Given):
    """One check: a metric, what it is about, and its bounds.

    Parameters
    ----------
    metric : str
        ``precision``, ``recall``, ``f1``, ``miou``, ``ap``, ``ap50``, ``ece``, ``count`` (ground truths),
        ``predictions``, or the name of a metric; of a confusion matrix ``NAME.precision``, ``NAME.recall`` or
        ``NAME.f1``.
    feature : str or list of str, optional
        A feature, several, or ``"*"`` for each; all together unless given.
    subclass : str or list of str, optional
        Likewise a nested answer of the feature.
    slice : str or list of str, optional
        Name of a slice, several, or ``"*"`` for each; all data rows unless given.
    split : {"TRAINING", "VALIDATION", "TEST", "UNASSIGNED"}, optional
        Only data rows of this split.
    confidence : float, optional
        One of the confidence keys; all predictions count unless given.
    min, max : float, optional
        Least and greatest value.
    max_drop, max_rise : float or str, optional
        How far the value may lie below or above that of the baseline: a number, or a share of it such as ``"2%"``.
    significance : float, optional
        Pass or fail only where chance is ruled out up to this rate; otherwise the check is inconclusive.
    min_support : int, optional
        Fewer ground truths (data rows, for custom numbers) than this are not checked.
    severity : {"fail", "warn"}
        What it means that the check does not hold.
    reason : str, optional
        Why the check is there; it stands beside the result.

    Examples
    --------
    >>> Check(metric="recall", feature="person", min=0.9).bounds
    {'min': 0.9}
    """

    metric: Name
    feature: Names | None = None
    subclass: Names | None = None
    slice: Names | None = None
    split: Literal["TRAINING", "VALIDATION", "TEST", "UNASSIGNED"] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    min: Number | None = None
    max: Number | None = None
    max_drop: Least | Share | None = None
    max_rise: Least | Share | None = None
    significance: Annotated[float, Field(gt=0, lt=1)] | None = None
    min_support: Annotated[int, Field(ge=0)] | None = None
    severity: Severity = "fail"
    reason: str | None = None

    @property
    def bounds(self) -> dict[str, float | str]:
        """The bounds that are given, by their names."""
        return {name: value for name in BOUNDS if (value := getattr(self, name)) is not None}

    @property
    def needs_baseline(self) -> bool:
        """Whether it compares with a baseline."""
        return self.max_drop is not None or self.max_rise is not None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        def refuse(message: str) -> None:
            raise PydanticCustomError("check", "{message}", {"message": message})

        if not self.bounds:
            refuse("a check needs one of min, max, max_drop and max_rise")
        if self.min is not None and self.max is not None and self.min > self.max:
            refuse(f"min is {self.min:g}, which is more than max, {self.max:g}")
        if self.subclass is not None and self.feature is None:
            refuse("a subclass belongs to a feature: give feature too")
        if self.metric in WHOLE:
            for name in ("subclass", "confidence", "significance"):
                if getattr(self, name) is not None:
                    refuse(f"{self.metric} is made from all predictions at once, so it takes no {name}")
        return self


def share_of(bound: float | str) -> float | None:
    """The share that a bound such as ``"2%"`` stands for; ``None`` for a number.

    >>> share_of("2%"), share_of(0.02)
    (0.02, None)
    """
    return float(bound[:-1]) / 100 if isinstance(bound, str) else None


class Match(_Given):
    """A slice of the data rows in whose key a regular expression is found.

    Parameters
    ----------
    match : str
        The regular expression.

    Examples
    --------
    >>> Match(match="^night-").match
    '^night-'
    """

    match: Name

    @model_validator(mode="after")
    def _is_regular(self) -> Self:
        try:
            re.compile(self.match)
        except re.error as error:
            message = f"{self.match!r} is no regular expression: {error}"
            raise PydanticCustomError("slice", "{message}", {"message": message}) from None
        return self


Slice = Name | list[Name] | Match
"""An expression over the table of data rows, a list of their keys, or a regular expression."""


class Guards(_Given):
    """What it means that something of the baseline is gone, or that something is new.

    Parameters
    ----------
    data_rows, features, slices : {"fail", "warn", "ignore"}
        For each of them. A feature may vanish with the predictions of it, which is why that is a warning only.

    Examples
    --------
    >>> Guards().features
    'warn'
    """

    data_rows: Notice = "fail"
    features: Notice = "warn"
    slices: Notice = "fail"


class GateConfig(_Given):
    """The configuration of a gate.

    Parameters
    ----------
    check : list of Check
        The checks, each a ``[[check]]``.
    slices : dict of str to str, list of str or Match
        Named sets of data rows, in ``[slices]``: an expression such as
        ``'split == "TEST" and metadata.camera == "left" and width > 640'``, keys of data rows (also as ``"id:..."`` and
        ``"globalKey:..."``), or ``{match = "^night-"}``, a regular expression that is found in the key.
    guards : Guards
        What it means that data rows, features or slices are not those of the baseline.
    resamples : int
        Number of resamples of the bootstrap.
    seed : int
        Seed of the bootstrap; the same seed gives the same verdict.

    Examples
    --------
    >>> config = GateConfig(check=[Check(metric="f1", min=0.5)])
    >>> config.resamples
    10000
    """

    check: Annotated[list[Check], Field(min_length=1)]
    slices: dict[Name, Slice] = {}
    guards: Guards = Guards()
    resamples: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _slices_are_known(self) -> Self:
        for number, check in enumerate(self.check, 1):
            for name in [check.slice] if isinstance(check.slice, str) else check.slice or []:
                if name not in self.slices and name != EVERY:
                    message = f"check {number}: there is no slice {name!r} in [slices]{near(name, self.slices)}"
                    raise PydanticCustomError("slice", "{message}", {"message": message})
        return self

    def names_of_slices(self, check: Check) -> list[str | None]:
        """The slices that a check is about; ``None`` is all data rows."""
        if check.slice is None:
            return [None]
        if check.slice == EVERY:
            return list(self.slices)
        return [check.slice] if isinstance(check.slice, str) else list(check.slice)


def read_gate_config(source: GateConfig | Mapping[str, Any] | str | Path) -> GateConfig:
    """Read the configuration of a gate.

    Parameters
    ----------
    source : path, mapping or GateConfig
        A TOML file, which for ``pyproject.toml`` has it in ``[tool.labelmetrics.gate]``; or what such a file holds.

    Returns
    -------
    GateConfig
        The configuration.

    Raises
    ------
    InputError
        It cannot be read; with every fault, the check and the key that it is about.

    Examples
    --------
    >>> read_gate_config({"check": [{"metric": "recall", "min": 0.9}]}).check[0].metric
    'recall'
    >>> read_gate_config({"check": [{"metric": "recall", "mni": 0.9}]})
    Traceback (most recent call last):
    labelmetrics.errors.InputError: the configuration of the gate has faults
      check 1 (recall): mni: there is no such key; near it: min [gate-config]
    """
    if isinstance(source, GateConfig):
        return source
    if isinstance(source, Mapping):
        return _validated(dict(source), None)
    path = Path(source)
    try:
        content: Any = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: is not TOML: {error}") from error
    if path.name == "pyproject.toml":
        for name in TABLE:
            content = content.get(name) if isinstance(content, dict) else None
        if content is None:
            raise InputError(f"{path}: has no [{'.'.join(TABLE)}]; write the checks there, or into a file of their own")
    return _validated(content, str(path))


def read_slices(source: Mapping[str, Any] | str | Path) -> dict[str, Slice]:
    """Read slices alone.

    Parameters
    ----------
    source : path or mapping
        The configuration of a gate, or slices by name, as its ``[slices]`` has them.

    Raises
    ------
    InputError
        They cannot be read.

    Examples
    --------
    >>> read_slices({"wide": "width > 640"})
    {'wide': 'width > 640'}
    """
    if isinstance(source, Mapping):
        anything = {"metric": "count", "min": 0}
        return _validated({"check": [anything], "slices": dict(source)}, "slices").slices
    return read_gate_config(source).slices


def _validated(content: Any, file: str | None) -> GateConfig:
    # JSON mode takes whole numbers for numbers and nothing else for them.
    try:
        return GateConfig.model_validate(content)
    except ValidationError as error:
        where = "the configuration of the gate" if file is None else file
        faults = [*dict.fromkeys(_fault(one, content, file) for one in error.errors(include_url=False))]
        raise InputError(f"{where} has faults", faults) from None


def _fault(error: Any, content: Any, file: str | None) -> Fault:
    """What pydantic found, in words of the configuration."""
    place = list(error["loc"])
    model: type[BaseModel] = GateConfig
    path: list[str] = []
    if place[:1] == ["check"] and len(place) > 1:
        model = Check
        path.append(_told(int(place[1]), content))
        place = place[2:]
    elif place[:1] == ["slices"] and len(place) > 1:
        path.append(f"slice {place[1]}")
        place = []
    elif place[:1] == ["guards"] and len(place) > 1:
        model, place = Guards, place[1:]
        path.append("guards")
    if place:
        path.append(str(place[0]))
    match error["type"]:
        case _ if path and path[0].startswith("slice ") and error["type"] != "slice":
            message = 'expected an expression, a list of data rows, or { match = "a regular expression" }'
        case "extra_forbidden":
            message = f"there is no such key{near(place[0], model.model_fields)}"
        case "missing":
            message = "is missing"
        case _ if place and place[0] in ("max_drop", "max_rise"):
            message = f'expected a number of at least 0 or a share such as "2%", got {error["input"]!r}'
        case _ if place and place[0] in ("feature", "subclass", "slice"):
            message = f'expected a name, a list of names or "*", got {error["input"]!r:.80}'
        case "slice" | "check":
            message = str(error["msg"])
        case _:
            message = f"{error['msg']}, got {error['input']!r:.80}"
    return Fault(rule="gate-config", message=message, file=file, path=": ".join(path) or None)


def _told(index: int, content: Any) -> str:
    """A check as a message names it."""
    try:
        check = content["check"][index]
        about = ", ".join(str(check[name]) for name in ("metric", "feature", "slice") if name in check)
    except (KeyError, TypeError, IndexError):
        about = ""
    return f"check {index + 1}{f' ({about})' if about else ''}"
