"""What is written beside results: the manifest of an evaluation file and the provenance of a file of lines."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

__all__ = [
    "MANIFEST_FORMAT",
    "Counts",
    "Digests",
    "Manifest",
    "PartFile",
    "PartsManifest",
    "Provenance",
    "Settings",
]

MANIFEST_FORMAT = 1
"""Version of the layout of evaluation files; readers refuse any other."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
ConfidenceKeys = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(max_length=15)]
Threshold = Annotated[float, Field(gt=0, lt=1)]
Width = Annotated[Number, Field(ge=0)] | str
Total = Annotated[int, Field(ge=0)]
Missing = Literal["error", "empty", "skip"]


class _Written(BaseModel):
    """Base of what is written: typed strictly, no unknown fields, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Settings(_Written):
    """What an evaluation was asked for.

    Parameters
    ----------
    iou : list of float
        Overlap thresholds, rising.
    confidences : list of float
        Confidence keys, rising; empty without them.
    include_subclasses : bool
        Whether nested answers must agree.
    matching : {"platform", "coco"}
        Rule of the confusion matrix.
    masks : {"auto", "semantic", "instance"}
        How the mean overlap treats masks.
    buffer : float, str or dict
        How far points and lines are widened: pixels, a share of the image (``"2%"``), or one of the two by feature.
    answer_names : {"auto", "answer", "question/answer"}
        How answers are written as features.
    missing_ground_truth, missing_predictions : {"error", "empty", "skip"}
        What became of data rows that one side lacks.
    geometry : {"bbox", "segm"}, optional
        Which geometry of COCO files was read.
    format : str, optional
        Format that the input was said to have.

    Examples
    --------
    >>> Settings(iou=[0.5]).matching
    'platform'
    """

    iou: Annotated[list[Threshold], Field(min_length=1)]
    confidences: ConfidenceKeys = []
    include_subclasses: bool = False
    matching: Literal["platform", "coco"] = "platform"
    masks: Literal["auto", "semantic", "instance"] = "auto"
    buffer: Width | dict[str, Width] = 70.0
    answer_names: Literal["auto", "answer", "question/answer"] = "auto"
    missing_ground_truth: Missing = "error"
    missing_predictions: Missing = "empty"
    geometry: Literal["bbox", "segm"] | None = None
    format: str | None = None


class Digests(_Written):
    """Order-free digests of both inputs.

    Parameters
    ----------
    ground_truth, prediction : str
        32 hexadecimal digits each.
    """

    ground_truth: Digest
    prediction: Digest


class Counts(_Written):
    """How much there is of everything.

    Parameters
    ----------
    data_rows, ground_truths, predictions, features, subclasses : int
        The numbers.
    """

    data_rows: Total
    ground_truths: Total
    predictions: Total
    features: Total
    subclasses: Total


class Manifest(_Written):
    """``manifest.json`` of an evaluation file: all about it that is not in a table.

    Parameters
    ----------
    format : int
        Version of the layout.
    labelmetrics : str
        Version of the package that wrote it.
    settings : Settings
        What was asked for.
    key_kind : {"id", "globalKey"}
        Kind of the data-row keys.
    digests : Digests
        Of both inputs.
    counts : Counts
        How much there is of everything.
    features : list of str
        All features, sorted.
    classifications : list of str
        Those of ``features`` that are answers to questions.
    subclasses : list of str
        All nested answers, sorted.
    confidence_keys : list of float
        The key grid, rising; empty without one.

    Examples
    --------
    >>> manifest = Manifest(
    ...     labelmetrics="0.1.0", settings=Settings(iou=[0.5]), key_kind="id",
    ...     digests=Digests(ground_truth="0" * 32, prediction="0" * 32),
    ...     counts=Counts(data_rows=1, ground_truths=2, predictions=2, features=1, subclasses=0),
    ...     features=["cat"], classifications=[], subclasses=[], confidence_keys=[])
    >>> Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    True
    """

    format: Literal[1] = 1
    labelmetrics: str
    settings: Settings
    key_kind: Literal["id", "globalKey"]
    digests: Digests
    counts: Counts
    features: list[str]
    classifications: list[str]
    subclasses: list[str]
    confidence_keys: ConfidenceKeys

    @model_validator(mode="after")
    def _are_features(self) -> Self:
        unknown = sorted(set(self.classifications) - set(self.features))
        if unknown:
            raise PydanticCustomError("classifications", "{name} is not among the features", {"name": unknown[0]})
        return self


class _Origin(_Written):
    """Where metric lines come from."""

    format: Literal[1] = 1
    labelmetrics: str
    settings: Settings
    confidence_keys: ConfidenceKeys
    digests: Digests
    fitted: bool
    lines: Total


class Provenance(_Origin):
    """``FILE.provenance.json``: where the lines of ``FILE`` come from.

    Parameters
    ----------
    format : int
        Version of the layout.
    labelmetrics : str
        Version of the package that wrote the lines.
    settings : Settings
        What the evaluation was asked for.
    confidence_keys : list of float
        The key grid, rising; empty without one.
    digests : Digests
        Of both inputs.
    fitted : bool
        Whether features were left out to respect a limit.
    lines : int
        Number of lines.
    digest_of_lines : str
        SHA-256 of the lines, unpacked, as hexadecimal digits.

    Examples
    --------
    >>> provenance = Provenance(
    ...     labelmetrics="0.1.0", settings=Settings(iou=[0.5]), confidence_keys=[],
    ...     digests=Digests(ground_truth="0" * 32, prediction="0" * 32),
    ...     fitted=False, lines=0, digest_of_lines="0" * 64)
    >>> provenance.settings.iou
    [0.5]
    """

    digest_of_lines: Sha256


class PartFile(_Written):
    """One of the files that metric lines are written to.

    Parameters
    ----------
    name : str
        Name of the file, in the folder of the manifest.
    lines : int
        Number of lines, or rows of a table.
    bytes : int
        Size of the file.
    sha256 : str
        SHA-256 of the file, as hexadecimal digits.

    Examples
    --------
    >>> PartFile(name="part-0000.ndjson", lines=0, bytes=0, sha256="0" * 64).lines
    0
    """

    name: str
    lines: Total
    bytes: Total
    sha256: Sha256


class PartsManifest(_Origin):
    """``manifest.json`` of a folder of part files: where the lines come from, and which files there are.

    Parameters
    ----------
    format, labelmetrics, settings, confidence_keys, digests, fitted, lines
        As in :class:`Provenance`.
    parts : list of PartFile
        The files, in the order of the lines.

    Examples
    --------
    >>> manifest = PartsManifest(
    ...     labelmetrics="0.1.0", settings=Settings(iou=[0.5]), confidence_keys=[],
    ...     digests=Digests(ground_truth="0" * 32, prediction="0" * 32), fitted=False, lines=0,
    ...     parts=[PartFile(name="part-0000.ndjson", lines=0, bytes=0, sha256="0" * 64)])
    >>> [part.name for part in manifest.parts]
    ['part-0000.ndjson']
    """

    parts: list[PartFile]
