"""Masks: pixels of an image that have one colour, or a run-length encoding."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from labelmetrics.errors import AnnotationError
from labelmetrics.types.base import Count, Model, Text, either, wire_name
from labelmetrics.types.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Mask", "MaskData"]

Counts = Annotated[str | bytes | list[Count], either(lambda value: _counts_type(value))]
Size = Annotated[tuple[Count, Count], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]
Colour = tuple[int, int, int]
Rle = dict[str, Any]
"""``{"size": [height, width], "counts": bytes}``"""

MAX_PIXELS = 2**28
"""Images with more pixels are not decoded: a few kilobytes can claim any size."""
MAX_SIDE = 2**32


def _counts_type(value: object) -> Any:
    return list[Count] if isinstance(value, list | tuple) else bytes if isinstance(value, bytes) else Text


class WireRle(TypedDict):
    """A run-length encoding as lines of NDJSON hold it."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    size: Size
    counts: Counts


class WirePng(TypedDict):
    """A mask as the base64 text of a PNG; whatever is not 0 belongs to it."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    png: Text


_RLE: TypeAdapter[WireRle] = TypeAdapter(WireRle)
_PNG: TypeAdapter[WirePng] = TypeAdapter(WirePng)


def _channel(value: object) -> int:
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    if type(value) is not int or not 0 <= value <= 255:
        raise PydanticCustomError("colour", "colours are whole numbers from 0 to 255")
    return value


def colour(value: object) -> int | Colour:
    """A grey value, or red, green and blue."""
    if not isinstance(value, list | tuple):
        return _channel(value)
    channels = [_channel(one) for one in value]
    if len(channels) == 1:
        channels *= 3
    if len(channels) != 3:
        raise PydanticCustomError("colour", "a colour is one grey value or red, green and blue")
    return cast("Colour", tuple(channels))


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("base64", "expected base64 text") from None


class MaskData(Model):
    """Where the pixels of a mask come from; one thing may serve many masks of different colours.

    Parameters
    ----------
    im_bytes : bytes, optional
        A PNG, or an image in another format that Pillow reads.
    file_path : str, optional
        Path of an image.
    url : str, optional
        Address of an image. It is never fetched: such a mask can be read and written, not compared.
    arr : ndarray of uint8, optional
        Pixels with shape (height, width, 3); (height, width) is understood too.
    rle : dict, optional
        COCO's run-length encoding, ``{"size": [height, width], "counts": ...}`` with the counts as text or bytes
        (compressed) or as a list of runs.
    uid, global_key : str, optional
        Data row that holds the image.

    Examples
    --------
    >>> import numpy as np
    >>> data = MaskData.from_2D_arr(np.array([[0, 1, 1], [0, 1, 1]], np.uint8))
    >>> data.value.shape
    (2, 3, 3)
    >>> MaskData(rle={"size": [2, 3], "counts": [2, 4]}).rle
    {'size': [2, 3], 'counts': b'24'}
    """

    im_bytes: bytes | None = None
    file_path: str | None = None
    url: Text | None = None
    uid: Text | None = None
    global_key: Text | None = None
    arr: Any = None
    rle: Rle | None = None
    _encoded: dict[int | Colour | None, Rle] = PrivateAttr(default_factory=dict)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self._encoded.clear()

    def __eq__(self, other: object) -> bool:
        import numpy as np

        if not isinstance(other, MaskData):
            return NotImplemented
        same = {name: value for name, value in self.__dict__.items() if name != "arr"}
        return same == {name: value for name, value in other.__dict__.items() if name != "arr"} and (
            np.array_equal(self.arr, other.arr) if self.arr is not None else other.arr is None
        )

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        given = [(name, value) for name, value in self.__dict__.items() if value is not None]
        return [(name, "..." if name in ("im_bytes", "arr", "rle") else value) for name, value in given]

    @field_validator("file_path", mode="before")
    @classmethod
    def _path_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @field_validator("arr")
    @classmethod
    def _is_image(cls, value: Any) -> Any:
        if value is None:
            return None
        import numpy as np

        if not isinstance(value, np.ndarray) or value.dtype not in (np.uint8, np.bool_):
            found = getattr(value, "dtype", type(value).__name__)
            raise PydanticCustomError("image", "expected an array of uint8, got {found}", {"found": str(found)})
        if not value.size or not (value.ndim == 2 or (value.ndim == 3 and value.shape[2] in (1, 3, 4))):
            shape = str(value.shape)
            raise PydanticCustomError("image", "expected shape (height, width, 3), got {shape}", {"shape": shape})
        return value

    @field_validator("rle", mode="before")
    @classmethod
    def _checked_rle(cls, value: Any) -> Any:
        if value is None:
            return None
        wire = _RLE.validate_python(value)
        return _checked(wire)

    @model_validator(mode="after")
    def _is_given(self) -> Self:
        if all(value is None for value in self.__dict__.values()):
            names = "arr, rle, im_bytes, file_path, url, uid or global_key"
            raise PydanticCustomError("mask_data", "needs one of {names}", {"names": names})
        return self

    @classmethod
    def from_2D_arr(cls, arr: NDArray[Any], **kwargs: Any) -> Self:  # noqa: N802
        """Mask data from one grey value a pixel.

        Parameters
        ----------
        arr : ndarray of integers, shape (height, width)
            Values from 0 to 255.
        **kwargs
            Further fields of the model.
        """
        import numpy as np

        if arr.ndim != 2:
            raise ValueError(f"expected an array with shape (height, width), got {arr.shape}")
        if arr.dtype != np.bool_ and not np.issubdtype(arr.dtype, np.integer):
            raise ValueError(f"expected an array of integers, got {arr.dtype}")
        if arr.size and not 0 <= int(arr.min()) <= int(arr.max()) <= 255:
            raise ValueError("expected values from 0 to 255")
        grey = arr.astype(np.uint8)
        return cls(arr=np.broadcast_to(grey[:, :, None], (*grey.shape, 3)), **kwargs)

    @property
    def value(self) -> NDArray[np.uint8]:
        """Pixels with shape (height, width, 3); of a run-length encoding 1 within and 0 outside."""
        import numpy as np

        pixels = self._pixels()
        return np.broadcast_to(pixels[:, :, None], (*pixels.shape, 3)) if pixels.ndim == 2 else pixels

    def encode(self, color: int | Colour | None = None) -> Rle:
        """COCO's run-length encoding of the pixels of one colour; without a colour, of those that are not 0.

        Raises
        ------
        AnnotationError
            If there are no pixels at hand, or what should be an image is none.
        """
        if self.rle is not None:
            return self.rle
        if color not in self._encoded:
            from labelmetrics.kernels.rle import compress

            pixels, value = _one_channel(self._pixels(), color)
            if pixels.ndim == 3 or isinstance(value, tuple):
                self._encoded[color] = compress(_select(pixels, value))
            else:
                self._encoded[color] = compress(pixels, value)
        return self._encoded[color]

    def _pixels(self) -> NDArray[np.uint8]:
        import numpy as np

        if self.arr is not None:
            pixels: NDArray[np.uint8] = self.arr.astype(np.uint8, copy=False)
            return pixels[:, :, :3] if pixels.ndim == 3 else pixels
        if self.rle is not None:
            return _decode(self.rle).astype(np.uint8)
        if self.im_bytes is not None:
            return _read_image(self.im_bytes)
        if self.file_path is not None:
            try:
                return _read_image(Path(self.file_path).read_bytes())
            except OSError as error:
                raise AnnotationError(f"mask file {self.file_path}: {error.strerror or error}") from None
        where = self.url or self.uid or self.global_key
        raise AnnotationError(f"the pixels of mask {where} are not at hand: addresses are never fetched")


class Mask(Geometry):
    """The pixels of an image that have one colour.

    Parameters
    ----------
    mask : MaskData
        The image.
    color : int or tuple of int, optional
        Grey value, or red, green and blue. Without it, the pixels that are not 0. Of a run-length encoding the colour
        does not matter.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = MaskData.from_2D_arr(np.array([[0, 1, 2], [0, 1, 2]], np.uint8))
    >>> Mask(mask=pixels, color=(2, 2, 2)).rle()
    {'size': [2, 3], 'counts': b'42'}
    >>> Mask.from_rle({"size": [2, 3], "counts": [4, 2]}).to_array().tolist()
    [[False, False, True], [False, False, True]]
    """

    wire_key: ClassVar[str] = "mask"
    mask: MaskData
    color: Annotated[int | Colour, BeforeValidator(colour)] | None = None

    @classmethod
    def from_rle(cls, rle: Mapping[str, Any]) -> Self:
        """Mask from COCO's run-length encoding, ``{"size": [height, width], "counts": ...}``."""
        return cls(mask=MaskData(rle=dict(rle)))

    def rle(self) -> Rle:
        """COCO's run-length encoding; made once, later calls give the same.

        Raises
        ------
        AnnotationError
            If there are no pixels at hand, or what should be an image is none.
        """
        return self.mask.encode(self.color)

    def to_array(self) -> NDArray[np.bool_]:
        """Which pixels belong to the mask, with shape (height, width)."""
        if self.mask.rle is not None:
            return _decode(self.mask.rle)
        return _select(self.mask._pixels(), self.color)

    @model_validator(mode="wrap")
    @classmethod
    def _from_wire(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping) or "mask" in data:
            return handler(data)
        if "png" in data:
            return handler({"mask": MaskData(im_bytes=_png_bytes(_PNG.validate_python(data)))})
        if "instanceURI" in data:
            fields = {name: value for name, value in data.items() if name not in ("instanceURI", "colorRGB")}
            url, colour_of_it = data["instanceURI"], data.get("colorRGB")
            return handler({**fields, "mask": MaskData(url=url), "color": colour_of_it})
        if "counts" in data or "size" in data:
            return handler({"mask": MaskData(rle=dict(data))})
        raise PydanticCustomError("mask", "expected one of png, instanceURI, and size with counts")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        # Pixels are no JSON, so JSON gets the wire form under any names.
        return self._wire() if info.by_alias or info.mode == "json" else cast("dict[str, Any]", handler(self))

    def _wire(self) -> dict[str, Any]:
        if self.mask.url is not None:
            grey_or_rgb = self.color if isinstance(self.color, tuple | None) else (self.color,) * 3
            rgb = {} if grey_or_rgb is None else {wire_name("color_rgb"): list(grey_or_rgb)}
            return {wire_name("instance_uri"): self.mask.url, **rgb}
        if self.mask.rle is not None:
            return {"size": self.mask.rle["size"], "counts": self.mask.rle["counts"].decode("ascii")}
        if self.mask.im_bytes is not None and self.mask.arr is None and self.color is None:
            return {"png": base64.b64encode(self.mask.im_bytes).decode("ascii")}
        return {"png": base64.b64encode(_write_png(self.to_array())).decode("ascii")}


def _png_bytes(wire: WirePng) -> bytes:
    return from_base64(wire["png"])


def _checked(wire: WireRle) -> Rle:
    """The encoding in the compressed form that pycocotools takes, once it is known to hold together."""
    import numpy as np

    from labelmetrics.kernels import rle

    counts = wire["counts"]
    sizes = np.array([[min(side, MAX_SIDE) for side in wire["size"]]], np.int64)
    found = rle.check([counts], sizes) if isinstance(counts, str | bytes) else rle.check_runs([counts], sizes)
    if found.problems:
        raise PydanticCustomError("rle_counts", "{why}", {"why": found.problems[0]})
    return found.masks[0]


def _decode(mask: Rle) -> NDArray[np.bool_]:
    from labelmetrics.kernels.rle import decode

    _check_area(*mask["size"])
    return decode(mask)


def _check_area(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise AnnotationError(f"an image of {height} x {width} pixels is too large to decode")


def _one_channel(
    pixels: NDArray[np.uint8], color: int | Colour | None
) -> tuple[NDArray[np.uint8], int | Colour | None]:
    """Pixels and colour as grey values, where one channel is shown three times and the colour is grey."""
    if pixels.ndim == 3 and pixels.strides[2] == 0 and (not isinstance(color, tuple) or len(set(color)) == 1):
        return pixels[:, :, 0], color[0] if isinstance(color, tuple) else color
    return pixels, color


def _select(pixels: NDArray[np.uint8], color: int | Colour | None) -> NDArray[np.bool_]:
    import numpy as np

    pixels, color = _one_channel(pixels, color)
    if pixels.ndim == 2 and isinstance(color, tuple):
        pixels = pixels[:, :, None]
    found = pixels != 0 if color is None else pixels == np.array(color)
    if found.ndim == 2:
        return cast("NDArray[np.bool_]", found)
    return cast("NDArray[np.bool_]", found.any(2) if color is None else found.all(2))


def _read_image(data: bytes) -> NDArray[np.uint8]:
    import numpy as np

    pixels = decode_image(data, "the image of a mask", {"1": "L", "LA": "L", "La": "L", "PA": "P"})
    if pixels.dtype != np.uint8:  # 16 or 32 bits a pixel: what is not 0 must stay so
        pixels = (
            np.minimum(pixels, 255).astype(np.uint8) if pixels.dtype.kind in "iu" else (pixels != 0).astype(np.uint8)
        )
    return pixels[:, :, :3] if pixels.ndim == 3 else pixels


def decode_image(
    data: bytes, what: str, conversions: Mapping[str, str], formats: tuple[str, ...] | None = None
) -> NDArray[Any]:
    """Pixels of an image, whose type and number of channels are those of the image.

    Parameters
    ----------
    data : bytes
        A file of one of the ``formats`` of Pillow, or of any that it reads.
    what : str
        What the image is, for messages.
    conversions : mapping of str to str
        Modes of Pillow that are turned into others.

    Raises
    ------
    AnnotationError
        It is no such image, damaged, or claims too many pixels.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=formats) as image:
                _check_area(image.height, image.width)
                mode = conversions.get(image.mode)
                return np.asarray(image.convert(mode) if mode else image)
    except Image.DecompressionBombError:
        raise AnnotationError(f"{what} has too many pixels to decode") from None
    except UnidentifiedImageError:
        raise AnnotationError(f"what should be {what} is none") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise AnnotationError(f"what should be {what} is none: {error}") from None


def _write_png(mask: NDArray[np.bool_]) -> bytes:
    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()
