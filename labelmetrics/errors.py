"""The errors and warnings of labelmetrics: one tree, and each says where.

Everything that a user can run into derives from :class:`LabelmetricsError`; an error of a library underneath
(pydantic, pyarrow, shapely) never reaches the caller of a public function that reads files or compares annotations.
Constructors of the types raise pydantic's own ``ValidationError``, as people who write models by hand expect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelmetrics.words import counted

__all__ = [
    "AnnotationError",
    "ApiAuthenticationError",
    "ApiConflictError",
    "ApiConnectionError",
    "ApiError",
    "ApiNotFoundError",
    "ApiRateLimitError",
    "ApiServerError",
    "DataRowError",
    "Fault",
    "InputError",
    "LabelmetricsError",
    "LabelmetricsWarning",
    "LimitError",
    "MissingPackageError",
    "MissingRowsError",
    "NameTakenError",
    "NotFoundError",
    "SettingError",
    "SettingMismatchError",
    "StoreError",
    "UnknownRowsError",
    "UploadError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and where it is.

    Parameters
    ----------
    rule : str
        Short stable name of the broken rule, e.g. ``"syntax"``, ``"type"``, ``"duplicate-metric-key"``.
    message : str
        What is wrong, in one sentence.
    remedy : str, optional
        How to mend it.
    file : str, optional
        Name of the file (``"-"`` is standard input).
    line : int, optional
        Line number, counted from 1.
    path : str, optional
        Place within the line, e.g. ``"$.metricValue[2]"``.
    data_row : str, optional
        Data row concerned, ``id:...`` or ``globalKey:...``.
    metric_key : str, optional
        Metric key concerned (metric name, feature, subclass), as readable text.

    Examples
    --------
    >>> print(Fault(rule="type", message="expected a number", file="p.ndjson", line=3, path="$.confidence"))
    p.ndjson:3: $.confidence: expected a number [type]
    """

    rule: str
    message: str
    remedy: str | None = None
    file: str | None = None
    line: int | None = None
    path: str | None = None
    data_row: str | None = None
    metric_key: str | None = None

    def __post_init__(self) -> None:
        for name in ("message", "path", "data_row", "metric_key"):
            text = getattr(self, name)
            if text is not None and not text.isascii():
                # Half a character (a lone surrogate) can be told, but not be printed.
                object.__setattr__(self, name, text.encode(errors="backslashreplace").decode())

    def __str__(self) -> str:
        where = self.file or ""
        if self.line is not None:
            where += f":{self.line}" if where else f"line {self.line}"
        parts = [part for part in (where, self.path, self.data_row and f"data row {self.data_row}") if part]
        if self.metric_key is not None:
            parts.append(f"metric {self.metric_key}")
        text = ": ".join([*parts, self.message])
        if self.remedy:
            text += f" ({self.remedy})"
        return f"{text} [{self.rule}]"


class LabelmetricsError(Exception):
    """Base of every error of this package.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> try:
    ...     lm.load("absent.lmeval")
    ... except lm.LabelmetricsError as error:
    ...     print(error)
    absent.lmeval: is no evaluation file: No such file or directory
    """


class SettingError(LabelmetricsError, ValueError):
    """A parameter or option has a value that cannot be used.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> lm.evaluate([], [], iou=50)
    Traceback (most recent call last):
    labelmetrics.errors.SettingError: iou must lie between 0 and 1 (both excluded), got 50
    """


class SettingMismatchError(SettingError):
    """Two things that were made with different settings cannot be put together.

    Examples
    --------
    >>> issubclass(SettingMismatchError, SettingError)
    True
    """


class MissingPackageError(LabelmetricsError, ImportError):
    """A package that only some things need is not installed.

    Parameters
    ----------
    package : str
        Its name.
    extra : str, optional
        The extra of labelmetrics that installs it, where there is one.

    Examples
    --------
    >>> raise MissingPackageError("matplotlib", "plot")
    Traceback (most recent call last):
    labelmetrics.errors.MissingPackageError: matplotlib is not installed: pip install 'labelmetrics[plot]'
    """

    def __init__(self, package: str, extra: str | None = None) -> None:
        self.package, self.extra = package, extra
        what = package if extra is None else f"'labelmetrics[{extra}]'"
        super().__init__(f"{package} is not installed: pip install {what}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.package, self.extra)


class InputError(LabelmetricsError, ValueError):
    """Input that cannot be read.

    Parameters
    ----------
    message : str
        What is wrong.
    faults : sequence of Fault
        Everything that was found, each with its place; the first few are part of the message.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> try:
    ...     lm.evaluate([{"dataRow": {"id": "r1"}, "name": "cat", "point": {"x": "1", "y": 2}}], [])
    ... except lm.InputError as error:
    ...     print(error.faults[0])
    line 1: $.point.x: data row id:r1: expected a number, got a string [type]
    """

    shown = 10

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        self.faults = tuple(faults)
        lines = [message, *(f"  {fault}" for fault in self.faults[: self.shown])]
        if len(self.faults) > self.shown:
            lines.append(f"  ... and {len(self.faults) - self.shown} more")
        super().__init__("\n".join(lines))


class AnnotationError(InputError):
    """Annotations that cannot be compared (unlike mask sizes, an object here and a classification there, ...).

    Examples
    --------
    >>> import labelmetrics as lm
    >>> small, large = ([lm.ObjectAnnotation(name="road", value=lm.Mask.from_rle({"size": size, "counts": [0, 4]}))]
    ...                 for size in ([2, 2], [1, 4]))
    >>> lm.miou_metric(small, large)
    Traceback (most recent call last):
    labelmetrics.errors.AnnotationError: masks of unlike sizes cannot be compared
      feature 'road' has masks of 2x2 and 4x1 pixels (width x height) (write all masks at the size of the image) [mask-size]
    """  # noqa: E501


class DataRowError(InputError):
    """Data rows of the two sides do not fit together.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> labels = [lm.Label(data=lm.ImageData(uid="r1")), lm.Label(data=lm.ImageData(global_key="a.jpg"))]
    >>> lm.pair_labels(labels, labels)
    Traceback (most recent call last):
    labelmetrics.errors.DataRowError: labels cannot be paired
      $[1]: a ground truth has no uid [data-row]
    """


class MissingRowsError(DataRowError):
    """Data rows of one side only, where that is an error.

    Parameters
    ----------
    side : {"ground_truth", "prediction"}
        The side that they are not on.
    kind : str
        Kind of their keys.
    rows : dict of str to int
        Number of annotations that each has on the other side.
    apart : str, optional
        Key of a ground truth where the two sides have no data row in common.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> point = lm.ObjectAnnotation(name="nose", value=lm.Point(x=0, y=0))
    >>> label = lm.Label(data=lm.ImageData(uid="r1"), annotations=[point])
    >>> try:
    ...     lm.evaluate([], [label])
    ... except lm.MissingRowsError as error:
    ...     print(error.side, error.rows)
    ground_truth {'r1': 1}
    """

    def __init__(self, side: str, kind: str, rows: Mapping[str, int], *, apart: str | None = None) -> None:
        self.side, self.kind, self.rows, self.apart = side, kind, rows, apart
        named = counted(len(rows), "data row")
        if side == "ground_truth":
            beginning = (
                ""
                if apart is None
                else f"the two sides have no data row in common: the ground truths name such as {kind}:{apart}, the "
                "predictions those below; are they of the same data, with keys written alike? If so: "
            )
            message = (
                f"{beginning}there is no ground truth for {named} with {counted(sum(rows.values()), 'prediction')}. If "
                'they are not labelled, leave them out (missing_ground_truth="skip", --missing-ground-truth skip); if '
                'they are labelled and empty, every prediction there is a false positive (missing_ground_truth="empty",'
                " --missing-ground-truth empty), or name them in a table of data rows (data_rows=, --data-rows)"
            )
            rule, missing = "missing-ground-truth", "no ground truth"
        else:
            message = (
                f"there is no prediction for {named}. Take them as rows where the model found nothing "
                '(missing_predictions="empty", --missing-predictions empty), or leave them out '
                '(missing_predictions="skip", --missing-predictions skip)'
            )
            rule, missing = "missing-prediction", "no prediction"
        faults = [Fault(rule=rule, message=missing, data_row=f"{kind}:{key}") for key in sorted(rows)[:5]]
        super().__init__(message, faults)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.side, self.kind, self.rows)


class LimitError(InputError):
    """Metric annotations exceed a limit of the platform.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> points = [lm.ObjectAnnotation(name=f"class {n}", value=lm.Point(x=n, y=0)) for n in range(25)]
    >>> label = lm.Label(data=lm.ImageData(uid="r1"), annotations=points)
    >>> evaluation = lm.evaluate([label], [label], buffer=5)
    >>> try:
    ...     list(evaluation.lines())
    ... except lm.LimitError:
    ...     print(len(list(evaluation.lines(over_limit="fit"))))
    20
    """


class ApiError(LabelmetricsError):
    """A server of model runs refused a request, or its answer cannot be understood.

    Parameters
    ----------
    message : str
        What is wrong.
    url : str, optional
        Where the request went.
    status : int, optional
        Status of the answer.
    code : str, optional
        The server's own code of the error, such as ``"RESOURCE_NOT_FOUND"``.

    Examples
    --------
    >>> print(ApiError("the answer is no JSON", url="http://127.0.0.1:8765/graphql", status=200))
    http://127.0.0.1:8765/graphql: the answer is no JSON (status 200)
    """

    def __init__(
        self, message: str, *, url: str | None = None, status: int | None = None, code: str | None = None
    ) -> None:
        self.message, self.url, self.status, self.code = message, url, status, code
        said = [*([f"status {status}"] if status is not None else []), *([code] if code else [])]
        where, why = "" if url is None else f"{url}: ", f" ({', '.join(said)})" if said else ""
        super().__init__(f"{where}{message}{why}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.message, self.url, self.status, self.code)


def _again(error: type[ApiError], message: str, url: str | None, status: int | None, code: str | None) -> ApiError:
    return error(message, url=url, status=status, code=code)


class ApiAuthenticationError(ApiError):
    """The server does not know the key, or the key may not do this.

    Examples
    --------
    >>> issubclass(ApiAuthenticationError, ApiError)
    True
    """


class ApiNotFoundError(ApiError):
    """The server does not have what was asked for.

    Examples
    --------
    >>> issubclass(ApiNotFoundError, ApiError)
    True
    """


class ApiConflictError(ApiError):
    """The server already has something else by that name.

    Examples
    --------
    >>> issubclass(ApiConflictError, ApiError)
    True
    """


class ApiRateLimitError(ApiError):
    """The server takes no more requests for now, and waiting did not help.

    Examples
    --------
    >>> issubclass(ApiRateLimitError, ApiError)
    True
    """


class ApiServerError(ApiError):
    """The server failed, and asking again did not help.

    Examples
    --------
    >>> issubclass(ApiServerError, ApiError)
    True
    """


class ApiConnectionError(ApiError):
    """The server cannot be reached, or does not answer in time, and trying again did not help.

    Examples
    --------
    >>> issubclass(ApiConnectionError, ApiError)
    True
    """


class UploadError(LabelmetricsError):
    """An upload, or another job of the server, failed or did not end in time.

    Examples
    --------
    >>> issubclass(UploadError, LabelmetricsError)
    True
    """


class LabelmetricsWarning(UserWarning):
    """Category of every warning of this package.

    Examples
    --------
    >>> import warnings
    >>> warnings.filterwarnings("ignore", category=LabelmetricsWarning)
    """


class StoreError(LabelmetricsError):
    """The store of model runs cannot be used, or refuses what it was asked for.

    Examples
    --------
    >>> issubclass(NotFoundError, StoreError)
    True
    """


class NotFoundError(StoreError):
    """The store has no such model, model run, data row or import.

    Examples
    --------
    >>> raise NotFoundError("model run", "c0")
    Traceback (most recent call last):
    labelmetrics.errors.NotFoundError: there is no model run 'c0'
    """

    def __init__(self, what: str, key: str) -> None:
        self.what, self.key = what, key
        super().__init__(f"there is no {what} {key!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.key)


class NameTakenError(StoreError):
    """An import of this name holds something else.

    Examples
    --------
    >>> raise NameTakenError("first", "first-2")
    Traceback (most recent call last):
    labelmetrics.errors.NameTakenError: there is an import 'first' with other content in this model run; 'first-2' is free
    """  # noqa: E501

    def __init__(self, name: str, free: str) -> None:
        self.name, self.free = name, free
        super().__init__(f"there is an import {name!r} with other content in this model run; {free!r} is free")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.free)


class UnknownRowsError(StoreError):
    """Data rows that the store does not know.

    Parameters
    ----------
    keys : sequence of str
        Their ids or global keys.

    Examples
    --------
    >>> raise UnknownRowsError(["a.jpg", "b.jpg"])
    Traceback (most recent call last):
    labelmetrics.errors.UnknownRowsError: 2 data rows are not known: 'a.jpg', 'b.jpg'
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        shown = ", ".join(repr(key) for key in self.keys[:5])
        more = ", ..." if len(self.keys) > 5 else ""
        verb = "is" if len(self.keys) == 1 else "are"
        super().__init__(f"{counted(len(self.keys), 'data row')} {verb} not known: {shown}{more}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.keys,)
