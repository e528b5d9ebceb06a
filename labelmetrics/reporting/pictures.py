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
ENDINGS = ("", ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class Pictures:
    """Images in a folder, found by the media path or the key of their data row.

    Parameters
    ----------
    folder : path or None
        Where they are; without it there are none.

    Raises
    ------
    SettingError
        There is no such folder.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder).resolve()
        if self.folder is not None and not self.folder.is_dir():
            raise SettingError(f"{folder}: there is no such folder of images")

    def of(self, row: Mapping[str, Any]) -> str | None:
        """The image of a data row as a ``data:`` URL; ``None`` where there is none that can be read.

        Parameters
        ----------
        row : mapping
            A row of the table of data rows.
        """
        path = self._path(row)
        if path is None:
            return None
        from PIL import Image, ImageOps, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                image.draft("RGB", (SIDE, SIDE))
                small = ImageOps.exif_transpose(image).convert("RGB")
                small.thumbnail((SIDE, SIDE))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
            return None
        content = BytesIO()
        small.save(content, "JPEG", quality=QUALITY, optimize=True)
        return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}"

    def _path(self, row: Mapping[str, Any]) -> Path | None:
        if self.folder is None:
            return None
        media = row.get("media_path")
        names = [] if media is None else [media, PurePosixPath(media.replace("\\", "/")).name]
        names += [one for one in (row.get("globalKey"), row.get("id")) if one]
        for name in names:
            for ending in ENDINGS:
                path = (self.folder / f"{name}{ending}").resolve()
                # Keys come from files that others wrote: nothing outside of the folder is read.
                if path.is_relative_to(self.folder) and path.is_file():
                    return path
        return None
