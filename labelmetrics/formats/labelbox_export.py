"""The platform's own export ("export v2"): one JSON object per data row, with the labels of its projects.

Names of the export end here: ``bounding_box``, ``radio_answer`` and the like become columns, keyed by data-row id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import orjson

from labelmetrics.errors import Fault, InputError, SettingError
from labelmetrics.formats import _export_values as parse
from labelmetrics.formats._source import data_row_table, read_bytes
from labelmetrics.kernels.batch import Coded, Columns, DataRowKey, Kind, Shapes

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LabelboxExport", "from_labelbox_export"]

_SPLITS = {
    "train": "TRAINING",
    "training": "TRAINING",
    "valid": "VALIDATION",
    "validation": "VALIDATION",
    "test": "TEST",
}
_PASS_OVER = 'unsupported="skip" passes it over'


@dataclass(frozen=True, slots=True)
class LabelboxExport:
    """What :func:`from_labelbox_export` read.

    Parameters
    ----------
    columns : Columns
        The annotations of the project; labelled data rows are ``listed``.
    data_rows : pyarrow.Table
        Every data row of the export, labelled or not: ``id``, ``globalKey``, ``media_path``, ``width``, ``height``,
        ``split`` (from the reserved metadata field of that name) and ``metadata`` (JSON of names and values).
    project : str
        Id of the project whose labels were read.

    Examples
    --------
    >>> row = {"data_row": {"id": "r1"}, "projects": {"p1": {"labels": [{"annotations": {}}]}}}
    >>> export = from_labelbox_export([row])
    >>> export.project, export.data_rows.num_rows
    ('p1', 1)
    """

    columns: Columns
    data_rows: pa.Table
    project: str


class _Row(NamedTuple):
    file: str | None
    line: int
    content: Any


def from_labelbox_export(
    path_or_lines: str | Path | Iterable[Any],
    project: str | None = None,
    *,
    resolve_mask: Callable[[str], Any] | None = None,
    choose_label: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None,
    unsupported: Literal["error", "skip"] = "error",
) -> LabelboxExport:
    """Read the labels and the data rows of a platform export.

    Parameters
    ----------
    path_or_lines : str, Path or iterable
        File of JSON lines or of one JSON array (also gzip or zstd; ``"-"`` is standard input), or its rows as dicts,
        or as JSON text.
    project : str, optional
        Id or name of the project; needed when the export holds several.
    resolve_mask : callable, optional
        Gets the URL of a mask, returns a COCO run-length encoding or an array (height × width, or with a third axis
        of colours, of which a composite mask selects its own). Without it such masks are an error: nothing is fetched.
    choose_label : callable, optional
        Gets the labels of a data row that has several (consensus), returns one of them. Without it several are an
        error. Skipped labels do not count.
    unsupported : {"error", "skip"}
        What to do with kinds of annotations that no metric reads (cuboids, DICOM groups, temporal audio). Relationships
        are always passed over.

    Returns
    -------
    LabelboxExport

    Raises
    ------
    InputError
        With all faults, each with its line and path.

    Notes
    -----
    A label without annotations makes its data row labelled and empty; a data row without a label is only part of the
    table. In videos an object lives through its ``segments``: frames that the export leaves out are interpolated
    (boxes, points, lines and polygons linearly, everything else holds).

    Examples
    --------
    >>> box = {"name": "cat", "bounding_box": {"top": 1, "left": 2, "height": 3, "width": 4}}
    >>> labels = [{"annotations": {"objects": [box], "classifications": []}}]
    >>> row = {"data_row": {"id": "r1", "global_key": "a.jpg"}, "projects": {"p1": {"name": "Cats", "labels": labels}}}
    >>> export = from_labelbox_export([row])
    >>> export.columns.box.tolist(), export.columns.name.decode(), export.data_rows["globalKey"].to_pylist()
    ([[2.0, 1.0, 6.0, 4.0]], ['cat'], ['a.jpg'])
    """
    if unsupported not in ("error", "skip"):
        raise SettingError(f'unsupported must be "error" or "skip", not {unsupported!r}')
    reader = _Reader(resolve_mask, unsupported)
    rows = [row for row in _rows(path_or_lines, reader) if reader.is_usable(row)]
    if reader.faults:
        raise InputError(f"{_named(path_or_lines)}: not an export", reader.faults)
    chosen = _project(rows, project, _named(path_or_lines))
    for row in rows:
        reader.row(row, chosen, choose_label)
    if reader.faults:
        raise InputError(f"{_named(path_or_lines)}: the export has faults", reader.faults)
    table = reader.table
    return LabelboxExport(reader.columns(), data_row_table(len(table["id"]), table), chosen)


def _named(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else "export"


def _rows(source: Any, reader: _Reader) -> Iterator[_Row]:
    file = None
    if isinstance(source, str | Path):
        file, data = str(source), read_bytes(source)
        if data.lstrip().startswith(b"["):
            try:
                source = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                reader.faults.append(Fault(rule="syntax", message=error.msg, file=file, line=error.lineno))
                return
        else:
            source = data.split(b"\n")
    for line, content in enumerate(source, 1):
        if isinstance(content, str | bytes):
            if not content.strip():
                continue
            try:
                content = orjson.loads(content)
            except orjson.JSONDecodeError as error:
                reader.faults.append(Fault(rule="syntax", message=error.msg, file=file, line=line))
                continue
        yield _Row(file, line, content)


def _project(rows: list[_Row], wanted: str | None, source: str) -> str:
    names: dict[str, str] = {}
    for row in rows:
        for key, project in (row.content.get("projects") or {}).items():
            names[key] = str(project.get("name") or "") if isinstance(project, dict) else ""
    matching = [key for key, name in names.items() if wanted is None or wanted in (key, name)]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(f'{key} ("{name}")' if name else key for key, name in sorted(names.items()))
    if not names:
        raise InputError(f"{source}: no data row has a project; export a project, not a dataset or a model run")
    if not matching:
        raise InputError(f"{source}: no project {wanted!r}; there are {listed}")
    raise InputError(f"{source}: {len(matching)} projects match; choose one with project=: {listed}")


class _Reader:
    """Collects annotations row by row, and what is wrong with them."""

    def __init__(self, resolve_mask: Callable[[str], Any] | None, unsupported: str) -> None:
        self.resolve_mask, self.unsupported = resolve_mask, unsupported
        self.faults: list[Fault] = []
        self.table: dict[str, list[Any]] = {
            key: [] for key in ("id", "globalKey", "media_path", "width", "height", "split", "metadata")
        }
        self.listed: dict[DataRowKey, None] = {}
        self.annotations: list[dict[str, Any]] = []
        self.geometries: list[Any] = []
        self.masks: list[dict[str, Any]] = []
        self.tokens: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.at: _Row
        self.key: DataRowKey | None = None

    def fault(self, path: str, message: str, rule: str = "type", remedy: str | None = None) -> None:
        self.faults.append(
            Fault(
                rule=rule,
                message=message,
                remedy=remedy,
                file=self.at.file,
                line=self.at.line,
                path=path,
                data_row=str(self.key) if self.key else None,
            )
        )

    def is_usable(self, row: _Row) -> bool:
        self.at = row
        match row.content:
            case {"data_row": {"id": str(value)}} if value:
                if isinstance(row.content.get("projects") or {}, dict):
                    return True
                self.fault("$.projects", "expected an object")
            case dict():
                self.fault("$.data_row.id", "expected a string; rows of the export are keyed by it")
            case _:
                self.fault("$", "expected an object: one data row of the export")
        return False

    def row(self, row: _Row, project: str, choose_label: Callable[[list[dict[str, Any]]], Any] | None) -> None:
        self.at, self.key = row, DataRowKey("id", row.content["data_row"]["id"])
        with self._noting():
            self._describe(row.content)
        path = f"$.projects.{project}"
        with self._noting():
            content = (row.content.get("projects") or {}).get(project) or {}
            labels = [
                one
                for one, where in parse.items(parse.mapping(content, path).get("labels"), f"{path}.labels")
                if not parse.mapping(one.get("performance_details"), f"{where}.performance_details").get("skipped")
            ]
            if len(labels) > 1 and choose_label is not None:
                labels = [choose_label(labels)]
            if len(labels) > 1:
                raise parse.Bad(f"{path}.labels", f"{len(labels)} labels", "several-labels", "choose_label= picks one")
            if labels and self.key in self.listed:
                raise parse.Bad("$.data_row.id", "this data row was there before", "duplicate-data-row")
            if labels:
                self.listed[self.key] = None
                where = f"{path}.labels[0].annotations"
                self._label(parse.mapping(labels[0].get("annotations"), where), where)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What is bad inside becomes a fault, and reading goes on behind it."""
        try:
            yield
        except parse.Bad as bad:
            self.fault(*bad.args)

    def _describe(self, content: dict[str, Any]) -> None:
        row, media = content["data_row"], parse.mapping(content.get("media_attributes"), "$.media_attributes")
        metadata: dict[str, Any] = {}
        for one, _ in parse.items(content.get("metadata_fields"), "$.metadata_fields"):
            value = one.get("value")
            if isinstance(value, list):  # options of an enumeration
                value = [option.get("schema_name") if isinstance(option, dict) else option for option in value]
                value = value[0] if len(value) == 1 else value
            metadata[str(one.get("schema_name") or one.get("name"))] = value
        if row.get("external_id") is not None:
            metadata.setdefault("external_id", row["external_id"])
        described = {
            "id": row["id"],
            "globalKey": parse.text(row.get("global_key")),
            "media_path": parse.text(row.get("row_data")),
            "width": parse.pixels(media.get("width")),
            "height": parse.pixels(media.get("height")),
            "split": _SPLITS.get(str(metadata.get("split")).lower()),
            "metadata": orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS).decode() if metadata else None,
        }
        for name, value in described.items():
            self.table[name].append(value)

    def _label(self, annotations: dict[str, Any], path: str) -> None:
        for section, read in (("objects", self._object), ("classifications", self._classification)):
            with self._noting():
                for one, where in parse.items(annotations.get(section), f"{path}.{section}"):
                    with self._noting():
                        read(one, where, None)
        with self._noting():
            self._video(annotations, path)
        for key in ("groups", "timestamp"):
            if annotations.get(key) and self.unsupported == "error":
                self.fault(f"{path}.{key}", "no metric reads this kind", "unsupported", _PASS_OVER)

    def _video(self, annotations: dict[str, Any], path: str) -> None:
        segments = parse.mapping(annotations.get("segments"), f"{path}.segments")
        tracks: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        paths: dict[tuple[str, str, int], str] = {}
        for frame, content in parse.mapping(annotations.get("frames"), f"{path}.frames").items():
            if not (frame.isdecimal() and isinstance(content, dict)):
                raise parse.Bad(f"{path}.frames.{frame}", "expected a frame number with an object")
            for section in ("objects", "classifications"):
                where = f"{path}.frames.{frame}.{section}"
                found: Any = content.get(section) or []  # objects come by their id, classifications as a list
                keys = list(found) if isinstance(found, dict) else None
                found = list(found.values()) if isinstance(found, dict) else found
                for position, (one, at) in enumerate(parse.items(found, where)):
                    track = section, str(one.get("feature_id") or (keys[position] if keys else position))
                    tracks.setdefault(track, {})[int(frame)] = one
                    paths[*track, int(frame)] = f"{where}.{keys[position]}" if keys else at
        for (section, identity), given in tracks.items():
            read = self._object if section == "objects" else self._classification
            with self._noting():
                where = f"{path}.segments.{identity}"
                for number, source, one in parse.lifetime(given, segments.get(identity), where):
                    read(one, paths[section, identity, source], f"frame={number}")

    def _add(self, one: dict[str, Any], path: str, place: str | None, **values: Any) -> None:
        if not isinstance(one.get("name"), str):
            raise parse.Bad(f"{path}.name", "expected a string")
        annotation = {
            "data_row": self.key,
            "place": place,
            "name": one["name"],
            "schema_id": parse.text(one.get("feature_schema_id")),
            "uuid": parse.text(one.get("feature_id")),
            "confidence": parse.confidence(one, path),
            "box": (0.0, 0.0, 0.0, 0.0),
            "shape": -1,
        }
        self.annotations.append(annotation | values)

    def _object(self, one: dict[str, Any], path: str, place: str | None) -> None:
        if "page_number" in one:
            place = f"page={one['page_number']};unit=POINTS"
        values: dict[str, Any]
        match one:
            case {"bounding_box": box}:
                values = parse.box(box, f"{path}.bounding_box")
            case {"polygon": corners}:
                values = self._vector(Kind.POLYGON, parse.points(corners, 3, f"{path}.polygon"))
            case {"line": corners}:
                values = self._vector(Kind.LINE, parse.points(corners, 2, f"{path}.line"))
            case {"point": point}:
                values = self._vector(Kind.POINT, parse.points([point], 1, f"{path}.point"))
            case {"mask": mask}:
                values = self._mask(mask, f"{path}.mask")
            case {"composite_mask": mask}:
                values = self._mask(mask, f"{path}.composite_mask")
            case {"conversational_location": {"message_id": message, "location": span}}:
                place = f"message={message}"
                values = parse.span(span, f"{path}.conversational_location.location")
            case {"location": {"groups": groups}}:
                self.tokens.append(parse.tokens(groups, f"{path}.location.groups"))
                values = {"kind": Kind.TOKENS, "shape": len(self.tokens) - 1}
            case {"location": span}:
                values = parse.span(span, f"{path}.location")
            case _ if self.unsupported == "skip":
                return
            case _:
                kind = one.get("annotation_kind") or "an object without geometry"
                raise parse.Bad(path, f"no metric reads {kind}", "unsupported", _PASS_OVER)
        self._add(one, path, place, nested=parse.nested(one.get("classifications"), path), **values)

    def _vector(self, kind: Kind, points: list[tuple[float, ...]]) -> dict[str, Any]:
        import shapely

        match kind:
            case Kind.POINT:
                geometry: Any = shapely.Point(points[0])
            case Kind.LINE:
                geometry = shapely.LineString(points)
            case _:
                geometry = shapely.Polygon(points)
                geometry = geometry if geometry.is_valid else shapely.make_valid(geometry)
        self.geometries.append(geometry)
        return {"kind": kind, "box": geometry.bounds, "shape": len(self.geometries) - 1}

    def _mask(self, mask: Any, path: str) -> dict[str, Any]:
        if isinstance(mask, dict) and "url" in mask:
            if self.resolve_mask is None:
                message = "masks known only by URI are never fetched"
                raise parse.Bad(f"{path}.url", message, "mask-uri", "resolve_mask= says what is behind it")
            try:
                resolved = self.resolve_mask(mask["url"])
            except Exception as error:
                raise parse.Bad(f"{path}.url", f"resolve_mask failed: {error!r}", "mask-uri") from error
            mask = parse.selected(resolved, mask.get("color_rgb"), path) if hasattr(resolved, "ndim") else resolved
        checked = parse.encoding(mask, path)
        self.masks.append(checked.masks[0])
        return {"kind": Kind.MASK, "box": tuple(checked.box[0].tolist()), "shape": len(self.masks) - 1}

    def _classification(self, one: dict[str, Any], path: str, place: str | None) -> None:
        if "message_id" in one:
            place = f"message={one['message_id']}"
        for answer, content, where in parse.answers(one, path):
            if content is not None:
                self.texts.append(content)
                self._add(one, path, place, kind=Kind.TEXT, shape=len(self.texts) - 1)
                continue
            values = {"answer": answer["name"], "answer_id": parse.text(answer.get("feature_schema_id"))}
            if "confidence" in answer:
                values["confidence"] = parse.confidence(answer, where)
            nested = parse.nested(answer.get("classifications"), where)
            self._add(one, path, place, kind=Kind.ANSWER, nested=nested, **values)

    def columns(self) -> Columns:
        rows = self.annotations
        geometries = np.empty(len(self.geometries), object)
        geometries[:] = self.geometries
        coded = ("data_row", "place", "name", "schema_id", "answer", "answer_id", "nested")
        return Columns.make(
            **{name: Coded.of([row.get(name) for row in rows]) for name in coded},
            kind=np.array([row["kind"] for row in rows], np.int8),
            box=np.array([row["box"] for row in rows], np.float64).reshape(-1, 4),
            shape=np.array([row["shape"] for row in rows], np.int64),
            shapes=Shapes(geometries, self.masks, self.tokens, self.texts),
            confidence=np.array([row["confidence"] for row in rows], np.float64),
            uuid=np.array([row.get("uuid") for row in rows], object),
            listed=list(self.listed),
        )
