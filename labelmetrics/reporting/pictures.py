"""Images of data rows, small enough to stand in a page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from labelmetrics.errors import SettingError

SIDE = 480
"""Longer side in pixels."""
QUALITY = 70
ROOM = 2_000_000
"""Bytes of all images together: more are left out."""
ORIENTATION = 0x0112
"""Tag of EXIF; from 5 on, width and height are exchanged."""
ENDINGS = ("", ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class Pictures:
    """Images in a folder, found by the media path or the key of their data row, and those of them that are used.

    Parameters
    ----------
    folder : path or None
        Where they are; without it there are none.

    Attributes
    ----------
    used : dict of str to str
        ``data:`` URLs of small copies by the key of their data row.
    sizes : dict of str to (int, int)
        Width and height of the images themselves, also of those that there was no room for.
    left_out : int
        How many there was no room for.

    Raises
    ------
    SettingError
        There is no such folder.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder).resolve()
        if self.folder is not None and not self.folder.is_dir():
            raise SettingError(f"{folder}: there is no such folder of images")
        self.used: dict[str, str] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.left_out = 0
        self._seen: set[str] = set()

    def use(self, key: str, row: Mapping[str, Any]) -> None:
        """Take the image of a data row along as a ``data:`` URL, if there is one that can be read, and room for it.

        Parameters
        ----------
        key : str
            Key of the data row.
        row : mapping
            The row of the table of data rows.
        """
        if self.folder is None or key in self._seen:
            return
        self._seen.add(key)
        path = self._path(self.folder, row)
        found = None if path is None else _small(path)
        if found is None:
            return
        content, self.sizes[key] = found
        if sum(map(len, self.used.values())) + len(content) > ROOM:
            self.left_out += 1
        else:
            self.used[key] = content

    @staticmethod
    def _path(folder: Path, row: Mapping[str, Any]) -> Path | None:
        media = row.get("media_path")
        names = [] if media is None else [media, PurePosixPath(media.replace("\\", "/")).name]
        names += [one for one in (row.get("globalKey"), row.get("id")) if one]
        for name in names:
            for ending in ENDINGS:
                try:
                    path = (folder / f"{name}{ending}").resolve()
                    # Keys come from files that others wrote: nothing outside of the folder is read.
                    if path.is_relative_to(folder) and path.is_file():
                        return path
                except (OSError, ValueError):  # a name that no file can have
                    continue
        return None


def _small(path: Path) -> tuple[str, tuple[int, int]] | None:
    """A small copy of an image as a ``data:`` URL, and the size of the image; ``None`` where it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            width, height = image.size
            image.draft("RGB", (SIDE, SIDE))
            # Cameras write how an image is turned beside it.
            is_turned = image.getexif().get(ORIENTATION, 1) > 4
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((SIDE, SIDE))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    content = BytesIO()
    small.save(content, "JPEG", quality=QUALITY, optimize=True)
    url = f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}"
    return url, (height, width) if is_turned else (width, height)
