"""Data rows as the platform's client sends them: a file that lists files of data rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from labelmetrics.server.intake import check_depth
from labelmetrics.server.multipart import malformed
from labelmetrics.store import Store
from labelmetrics.store.data_rows import RowFault, RowSpec, upsert_rows
from labelmetrics.store.files import file_of

__all__ = ["upsert"]

LARGEST = 64 << 20
"""Bytes of one file; the client sends at most ten million."""


class Manifest(BaseModel):
    """Where the files are."""

    chunk_uris: list[str]


class Identity(BaseModel):
    """Which data row it is."""

    type: Literal["AUTO", "ID", "GKEY"] = "AUTO"
    value: str = ""


class Payload(BaseModel):
    """What it is to be; the client sends more, which means nothing here."""

    row_data: Any = None
    global_key: str | None = None
    external_id: str | None = None
    dataset_id: str | None = None
    media_attributes: dict[str, Any] | None = None
    metadata_fields: Any = None
    metadata: Any = None


class Item(BaseModel):
    """A data row."""

    id: Identity = Identity()
    payload: Payload

    def spec(self) -> RowSpec:
        """What the store is told."""
        payload = self.payload
        data = payload.row_data
        metadata = payload.metadata or payload.metadata_fields
        for value in (data, payload.media_attributes, metadata):
            check_depth(value)
        if data is not None and not isinstance(data, str):
            data = orjson.dumps(data).decode()
        return RowSpec(
            key=(self.id.type, self.id.value),
            dataset_id=payload.dataset_id,
            global_key=payload.global_key,
            external_id=payload.external_id,
            row_data=data,
            media=payload.media_attributes,
            metadata=metadata,
        )


ITEMS = TypeAdapter(list[Item])
MANIFEST = TypeAdapter(Manifest)


def upsert(store: Store, manifest_uri: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make or change the data rows that a manifest leads to.

    Returns
    -------
    tuple
        What was done, and what could not be, as tasks keep it.

    Raises
    ------
    Refusal
        A file is not there, or cannot be read.
    """
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for specs in _chunks(store, manifest_uri):
        with store.write() as connection:
            rows = upsert_rows(connection, specs)
        for row in rows:
            if isinstance(row, RowFault):
                failed.append({"message": row.message, "spec": _told(row.spec)})
            else:
                done.append({"id": row.id, **_told(row)})
    return {"data_rows": done}, failed


def _chunks(store: Store, manifest_uri: str) -> Iterator[list[RowSpec]]:
    manifest: Manifest = _read(store, manifest_uri, MANIFEST)
    for uri in manifest.chunk_uris:
        items: list[Item] = _read(store, uri, ITEMS)
        yield [item.spec() for item in items]


def _told(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("external_id", "global_key", "row_data")}


def _read(store: Store, uri: str, form: TypeAdapter[Any]) -> Any:
    """A file that was sent to this server; its URL tells which, and nothing is fetched from anywhere."""
    try:
        head, _, token = urlsplit(uri).path.rpartition("/")
    except ValueError:
        head, token = "", ""
    with store.read() as connection:
        found = file_of(connection, token) if head == "/files" else None
    if found is None:
        raise malformed(f"{uri!r} is no file that was sent to this server")
    if found.size > LARGEST:
        raise malformed(f"a file of data rows has at most {LARGEST >> 20} MiB")
    try:
        return form.validate_json((store.files / found.path).read_bytes())
    except FileNotFoundError:
        raise malformed(f"the file {uri!r} is no longer there") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise malformed(f"a file of data rows cannot be read: ${place}: {first['msg']}") from None
