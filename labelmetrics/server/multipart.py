"""Forms with files (multipart/form-data), read as they come in.

Written for what the platform's client sends, which general readers refuse: part names that hold a quote or a line end
are escaped in the header and not in the ``map``, names of files may be anything, and types of parts mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from labelmetrics.server.refusals import Refusal
from labelmetrics.server.settings import Settings

__all__ = ["Data", "End", "Part", "PartReader", "boundary_of", "part_names", "placed"]

_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"([^"]*)"|([^;]*))')
BOUNDARY_LENGTH = 200


class Part(NamedTuple):
    """A part begins: its name, and the name and type of the file that it may hold."""

    name: str
    filename: str | None
    media_type: str | None


class Data(NamedTuple):
    """Some more of the part."""

    data: bytes


class End(NamedTuple):
    """The part ends."""


def malformed(message: str, status: int | None = None) -> Refusal:
    """What is told of a form that cannot be read."""
    return Refusal("MALFORMED_REQUEST", message, status=status)


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts.

    >>> boundary_of('multipart/form-data; boundary="a b"')
    b'a b'

    Raises
    ------
    Refusal
        Nothing is said of it.
    """
    found = {name.lower(): quoted or plain.strip() for name, quoted, plain in _PARAMETER.findall(content_type)}
    boundary: str = found.get("boundary", "")
    if not boundary or len(boundary) > BOUNDARY_LENGTH or not boundary.isascii():
        raise malformed("the Content-Type of a form needs a boundary")
    return boundary.encode()


class PartReader:
    r"""Finds the parts of a form in its bytes, which may be cut anywhere.

    Parameters
    ----------
    boundary : bytes
        What stands between the parts.
    settings : Settings
        How many parts there may be, and how long their headers.

    Examples
    --------
    >>> reader = PartReader(b"B", Settings())
    >>> form = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--B--\r\n'
    >>> [type(event).__name__ for event in reader.feed(form)]
    ['Part', 'Data', 'End']
    """

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self._border = b"\r\n--" + boundary
        self._settings = settings
        # The first border may stand at the very beginning, where no line ends before it.
        self._rest = bytearray(b"\r\n")
        self._state = self._before
        self._parts = 0
        self.is_done = False

    def feed(self, data: bytes) -> Iterator[Part | Data | End]:
        """Yield what is found when some more bytes are there.

        Raises
        ------
        Refusal
            The form cannot be read.
        """
        self._rest += data
        while not self.is_done:
            found, goes_on = self._state()
            yield from found
            if not goes_on:
                return
        self._rest.clear()  # whatever follows the end means nothing

    def finish(self) -> None:
        """Say that there are no more bytes.

        Raises
        ------
        Refusal
            The form is not whole.
        """
        if not self.is_done:
            raise malformed("the form ends before its last boundary")

    def _before(self) -> tuple[list[Part | Data | End], bool]:
        at = self._rest.find(self._border)
        if at < 0:
            if len(self._rest) > self._settings.part_headers_bytes:
                raise malformed("the form does not begin with its boundary")
            return [], False
        return self._at_border(at)

    def _at_border(self, at: int) -> tuple[list[Part | Data | End], bool]:
        del self._rest[: at + len(self._border)]
        self._state = self._headers
        return [], True

    def _headers(self) -> tuple[list[Part | Data | End], bool]:
        if self._rest.startswith(b"--"):
            self.is_done = True
            return [], True
        end = self._rest.find(b"\r\n\r\n")
        if end < 0 or end > self._settings.part_headers_bytes:
            if max(end, len(self._rest)) > self._settings.part_headers_bytes:
                raise malformed(f"headers of a part hold at most {self._settings.part_headers_bytes} bytes", 413)
            return [], False
        padding, *lines = bytes(self._rest[:end]).split(b"\r\n")
        if padding.strip(b" \t"):
            raise malformed("a boundary of the form is followed by something else")
        self._parts += 1
        if self._parts > self._settings.parts:
            raise malformed(f"a form has at most {self._settings.parts} parts", 413)
        # The end of the headers may be the line end before an empty part's border.
        del self._rest[: end + 2]
        self._state = self._skip_line_end
        return [_part(lines)], True

    def _skip_line_end(self) -> tuple[list[Part | Data | End], bool]:
        # b"\r\n" and then the data; a border right here belongs to an empty part whose line end is this one.
        wanted = len(self._border) + 2
        if len(self._rest) < wanted and self._border.startswith(bytes(self._rest[: len(self._border)])):
            return [], False
        if not self._rest.startswith(self._border):
            del self._rest[:2]
        self._state = self._content
        return [], True

    def _content(self) -> tuple[list[Part | Data | End], bool]:
        at = self._rest.find(self._border)
        if at < 0:
            # A border may have begun at the end.
            ready = len(self._rest) - len(self._border) + 1
            if ready <= 0:
                return [], False
            data = bytes(self._rest[:ready])
            del self._rest[:ready]
            return [Data(data)], False
        found: list[Part | Data | End] = [Data(bytes(self._rest[:at]))] if at else []
        self._at_border(at)
        return [*found, End()], True


def _part(lines: list[bytes]) -> Part:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode(errors="replace").partition(":")
        if not colon:
            raise malformed("a header of a part has no colon")
        headers[name.strip().lower()] = value.strip()
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in ("binary", "7bit", "8bit"):
        raise malformed(f"parts are sent as they are, not in the encoding {encoding!r}")
    kind, _, rest = headers.get("content-disposition", "").partition(";")
    # A quote and line ends within names are escaped, and nothing else, as browsers do it.
    found = {key.lower(): quoted or plain.strip() for key, quoted, plain in _PARAMETER.findall(";" + rest)}
    if kind.strip().lower() != "form-data" or "name" not in found:
        raise malformed("a part needs the header Content-Disposition: form-data with a name")
    return Part(found["name"], found.get("filename"), headers.get("content-type"))


async def events(stream: AsyncIterator[bytes], boundary: bytes, settings: Settings) -> AsyncIterator[Part | Data | End]:
    """The parts of a form as they come in.

    Raises
    ------
    Refusal
        The form cannot be read.
    """
    reader = PartReader(boundary, settings)
    async for chunk in stream:
        for event in reader.feed(chunk):
            yield event
    reader.finish()


# ---- which file stands for which variable


def part_names(key: str) -> tuple[str, str]:
    """Names that the part of a file may have: as in the map, or with quote and line ends escaped as in headers.

    >>> part_names('a"b')
    ('a"b', 'a%22b')
    """
    return key, key.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def placed(operations: Any, mapping: Any, files: Mapping[str, Any]) -> dict[str, Any]:
    """The request with its files in the places that the map says.

    Parameters
    ----------
    operations, mapping : bytes or None
        The parts of these names.
    files : mapping of str to object
        Files by the names of their parts.

    Raises
    ------
    Refusal
        A part is missing, or the parts do not fit together.
    """
    request, places = _json(operations, "operations"), _json(mapping, "map")
    taken = set()
    for key, paths in places.items():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise malformed("the part 'map' gives a list of places for each file")
        name = next((name for name in part_names(key) if name in files), None)
        if name is None and len(files) == len(places) == 1:
            (name,) = files
        if name is None or name in taken:
            raise malformed(f"there is no part with the file {key!r}")
        if len(paths) != 1:
            raise malformed(f"the file {key!r} stands in {len(paths)} places, and belongs in one")
        taken.add(name)
        _place(request, paths[0], files[name])
    return request


def _json(text: Any, name: str) -> dict[str, Any]:
    if text is None:
        raise malformed(f"the form has no part {name!r}")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed(f"the part {name!r} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise malformed(f"the part {name!r} is no JSON object")
    return found


def _place(request: dict[str, Any], path: str, file: Any) -> None:
    target: Any = request
    *steps, last = path.split(".")
    if steps[:1] != ["variables"]:
        raise malformed(f"{path!r} in the part 'map' is no place among the variables")
    for step in steps:
        target = target.get(step) if isinstance(target, dict) else None
    if not isinstance(target, dict) or target.get(last, "") is not None:
        raise malformed(f"{path!r} in the part 'map' is no place of a file: the variable there has to be null")
    target[last] = file
