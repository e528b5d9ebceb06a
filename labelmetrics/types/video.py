"""Annotations of videos: frames, keyframes and segments, and masks frame by frame."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from labelmetrics.errors import AnnotationError
from labelmetrics.types.annotation import ObjectAnnotation
from labelmetrics.types.base import (
    Annotation,
    Confidence,
    Count,
    Feature,
    Flag,
    Model,
    Name,
    Text,
    fail,
    line_errors,
    unknown_field,
)
from labelmetrics.types.classification import ClassificationAnnotation
from labelmetrics.types.geometry import Line, Point, Polygon, Rectangle
from labelmetrics.types.mask import Mask, MaskData, colour, from_base64

__all__ = [
    "MaskFrame",
    "MaskInstance",
    "VideoClassificationAnnotation",
    "VideoMaskAnnotation",
    "VideoObjectAnnotation",
    "interpolate",
    "segments",
    "tracks",
]

MAX_FRAMES = 1_000_000
"""Most frames of one segment, and of the ranges of one answer: a slip of the keyboard must not fill the memory."""

FrameAnnotation = TypeVar("FrameAnnotation", "VideoObjectAnnotation", "VideoClassificationAnnotation")


class VideoObjectAnnotation(ObjectAnnotation):
    """An object on one frame of a video.

    Parameters
    ----------
    frame : int
        The frame.
    keyframe : bool
        Whether somebody drew it on this frame; the frames between two keyframes of a segment follow from them.
    segment_index : int, optional
        Which stretch of the object's presence the frame belongs to.
    name, feature_schema_id, value, classifications, confidence, custom_metrics, data_row, uuid, extra
        As in :class:`ObjectAnnotation`. Annotations with one uuid are one object.

    Examples
    --------
    >>> VideoObjectAnnotation(name="car", value=Point(x=1, y=2), frame=7, keyframe=True).frame
    7
    """

    frame: Count
    keyframe: Flag
    segment_index: Count | None = None


class VideoClassificationAnnotation(ClassificationAnnotation):
    """A question and its answer on one frame of a video.

    Parameters
    ----------
    frame : int
        The frame.
    segment_index : int, optional
        Which stretch of frames with this answer the frame belongs to.
    name, feature_schema_id, value, confidence, custom_metrics, message_id, data_row, uuid, extra
        As in :class:`ClassificationAnnotation`.

    Examples
    --------
    >>> from labelmetrics.types import ClassificationAnswer, Radio
    >>> rain = Radio(answer=ClassificationAnswer(name="rain"))
    >>> VideoClassificationAnnotation(name="weather", value=rain, frame=7).frame
    7
    """

    frame: Count
    segment_index: Count | None = None


class MaskFrame(Model):
    """The image with all masks of one frame.

    Parameters
    ----------
    index : int
        The frame.
    instance_uri : str, optional
        Address of the image; never fetched.
    im_bytes : bytes, optional
        The image itself; base64 text in the wire form.

    Examples
    --------
    >>> MaskFrame(index=1, instance_uri="https://example.org/masks/1.png").model_dump(by_alias=True)
    {'index': 1, 'instanceURI': 'https://example.org/masks/1.png'}
    """

    index: Count
    instance_uri: Text | None = Field(
        None, validation_alias=AliasChoices("instanceURI", "instanceUri"), serialization_alias="instanceURI"
    )
    im_bytes: bytes | None = None

    @field_validator("im_bytes", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return from_base64(value) if isinstance(value, str) else value

    @field_serializer("im_bytes")
    def _as_text(self, value: bytes | None) -> str | None:
        import base64

        return None if value is None else base64.b64encode(value).decode("ascii")

    @model_validator(mode="after")
    def _is_given(self) -> Self:
        if self.instance_uri is None and self.im_bytes is None:
            raise PydanticCustomError("mask_frame", "needs one of instanceURI and imBytes")
        return self


class MaskInstance(Feature):
    """Which object a colour in the images stands for.

    Parameters
    ----------
    color_rgb : tuple of int
        The colour.
    name : str
        The feature.
    feature_schema_id : str, optional
        The feature's schema id.

    Examples
    --------
    >>> MaskInstance(color_rgb=(255, 0, 0), name="road").model_dump(by_alias=True)
    {'name': 'road', 'colorRGB': (255, 0, 0)}
    """

    color_rgb: Annotated[tuple[int, int, int], BeforeValidator(colour)]
    name: Name
    feature_schema_id: Text | None = Field(
        None, validation_alias=AliasChoices("schemaId", "featureSchemaId"), serialization_alias="featureSchemaId"
    )


class VideoMaskAnnotation(Annotation):
    """All masks of a video: an image for each frame, whose colours stand for objects.

    Parameters
    ----------
    frames : list of MaskFrame
        The images.
    instances : list of MaskInstance
        What the colours stand for.
    confidence : float, optional
        Of all of them.
    data_row, uuid, extra : optional
        As in every annotation.

    Examples
    --------
    >>> frame = MaskFrame(index=1, instance_uri="https://example.org/masks/1.png")
    >>> masks = VideoMaskAnnotation(frames=[frame], instances=[MaskInstance(color_rgb=(255, 0, 0), name="road")])
    >>> [instance.name for instance in masks.instances]
    ['road']
    """

    frames: list[MaskFrame]
    instances: list[MaskInstance]
    confidence: Confidence | None = None

    def objects(self) -> Iterator[VideoObjectAnnotation]:
        """Each mask as an object on its frame; colours that a frame does not show are empty masks."""
        for frame in self.frames:
            data = MaskData(im_bytes=frame.im_bytes, url=frame.instance_uri)
            for instance in self.instances:
                yield VideoObjectAnnotation(
                    name=instance.name,
                    feature_schema_id=instance.feature_schema_id,
                    value=Mask(mask=data, color=instance.color_rgb),
                    frame=frame.index,
                    keyframe=True,
                    confidence=self.confidence,
                    data_row=self.data_row,
                )

    @model_validator(mode="wrap")
    @classmethod
    def _from_wire(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping) or "masks" not in data:
            return handler(data)
        masks, parts = data["masks"], ("frames", "instances")
        if not isinstance(masks, Mapping):
            raise fail("masks", "expected an object with frames and instances", "masks", value=masks)
        errors = [error for name in masks if name not in parts for error in line_errors(unknown_field("masks", name))]
        fields = {name: value for name, value in data.items() if name not in ("masks", *parts)}
        try:
            annotation = handler(fields | {name: masks[name] for name in parts if name in masks})
        except ValidationError as error:
            for one in line_errors(error):
                place = one["loc"]
                errors.append({**one, "loc": ("masks", *place)} if place[0] in parts else one)
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return annotation

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields = super()._to_wire(fields)
        return fields | {"masks": {name: fields.pop(name) for name in ("frames", "instances")}}


def tracks(annotations: Iterable[FrameAnnotation]) -> list[list[FrameAnnotation]]:
    """Put the annotations of one object (or of one question) together, each in the order of its frames.

    Those with one uuid are one object. Without uuids the feature decides; if a feature then is on a frame more than
    once, the first ones of all frames are one object, the second ones another, and so on.
    """
    found: dict[Any, list[FrameAnnotation]] = defaultdict(list)
    seen: Counter[Any] = Counter()
    for annotation in annotations:
        feature = (annotation.name, annotation.feature_schema_id)
        if annotation.uuid is not None:
            found[annotation.uuid, feature].append(annotation)
        else:
            on_frame = (feature, annotation.frame)
            found[seen[on_frame], feature].append(annotation)
            seen[on_frame] += 1
    return [sorted(track, key=lambda one: one.frame) for track in found.values()]


def segments(track: Sequence[VideoObjectAnnotation]) -> list[list[VideoObjectAnnotation]]:
    """Cut a track of an object where its segment index changes, or where frames are missing if it has none.

    Raises
    ------
    AnnotationError
        If only some annotations have a segment index, or a segment has a frame twice.
    """
    found: dict[int, list[VideoObjectAnnotation]] = defaultdict(list)
    for position, annotation in enumerate(track):
        index = annotation.segment_index
        if (index is None) != (track[0].segment_index is None):
            raise AnnotationError(f"{_label(annotation)}: some of its frames have a segment_index and some have none")
        found[annotation.frame - position if index is None else index].append(annotation)
    for segment in found.values():
        for one, following in pairwise(segment):
            if one.frame == following.frame:
                raise AnnotationError(f"{_label(one)}: twice on frame {one.frame} under one uuid")
    return list(found.values())


def interpolate(annotations: Iterable[VideoObjectAnnotation]) -> list[VideoObjectAnnotation]:
    """Expand the keyframes of objects to all their frames.

    Within a segment, from its first to its last keyframe, points, rectangles, and lines and polygons with as many
    points move linearly from one keyframe to the next; everything else (other geometries, confidence, nested answers)
    holds until the next keyframe. Frames that are there already stay as they are.

    Parameters
    ----------
    annotations : iterable of VideoObjectAnnotation
        Objects of one data row. Those with one uuid and segment index belong together; without a segment index
        frames that follow each other do, and then nothing is between them.

    Returns
    -------
    list of VideoObjectAnnotation
        Object by object in the order of frames; what was added is no keyframe.

    Examples
    --------
    >>> ends = [VideoObjectAnnotation(name="car", value=Point(x=x, y=0), frame=x, keyframe=True, segment_index=0,
    ...                               uuid="5e0c1c3c-1f8a-4a41-a6c1-8d5b1d4d2c11") for x in (2, 4)]
    >>> [(car.frame, car.value.x, car.keyframe) for car in interpolate(ends)]
    [(2, 2.0, True), (3, 3.0, False), (4, 4.0, True)]
    """
    result: list[VideoObjectAnnotation] = []
    for track in tracks(annotations):
        for segment in segments(track):
            result.extend(_expand(segment))
    return result


def _expand(segment: list[VideoObjectAnnotation]) -> Iterator[VideoObjectAnnotation]:
    if segment[-1].frame - segment[0].frame >= MAX_FRAMES:
        raise AnnotationError(f"{_label(segment[0])}: a segment holds more than {MAX_FRAMES:,} frames")
    given = {annotation.frame: annotation for annotation in segment}
    keyframes = [annotation for annotation in segment if annotation.keyframe]
    filled = dict(given)
    for before, after in pairwise(keyframes):
        for frame in range(before.frame + 1, after.frame):
            if frame not in given:
                share = (frame - before.frame) / (after.frame - before.frame)
                value = _between(before.value, after.value, share)
                filled[frame] = before.model_copy(update={"frame": frame, "keyframe": False, "value": value})
    return (filled[frame] for frame in sorted(filled))


def _between(before: Any, after: Any, share: float) -> Any:
    """The geometry at a share of the way; ``before`` where there is none in between."""

    def point(one: Point, other: Point) -> Point:
        return Point(x=one.x + (other.x - one.x) * share, y=one.y + (other.y - one.y) * share)

    if type(before) is not type(after):
        return before
    match before:
        case Point():
            return point(before, after)
        case Rectangle():
            return before.model_copy(
                update={"start": point(before.start, after.start), "end": point(before.end, after.end)}
            )
        case Line() | Polygon() if len(before.points) == len(after.points):
            return type(before)(points=[point(*pair) for pair in zip(before.points, after.points, strict=True)])
    return before


def _label(annotation: ObjectAnnotation) -> str:
    return cast("str", annotation.name or annotation.feature_schema_id)
