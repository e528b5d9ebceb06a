"""A label: all annotations of one data row."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator
from pydantic_core import PydanticCustomError

from labelmetrics.errors import DataRowError
from labelmetrics.types.annotation import ObjectAnnotation
from labelmetrics.types.base import DataRow, Flag, Model, Name, Text
from labelmetrics.types.classification import ClassificationAnnotation
from labelmetrics.types.metric import ConfusionMatrixMetric, ScalarMetric
from labelmetrics.types.video import VideoClassificationAnnotation, VideoMaskAnnotation, VideoObjectAnnotation

__all__ = ["AnyAnnotation", "GenericDataRowData", "ImageData", "Label", "TextData", "VideoData"]

AnyAnnotation = (
    VideoObjectAnnotation
    | VideoClassificationAnnotation
    | VideoMaskAnnotation
    | ObjectAnnotation
    | ClassificationAnnotation
    | ScalarMetric
    | ConfusionMatrixMetric
)


class GenericDataRowData(Model):
    """The data row of a label.

    Parameters
    ----------
    uid : str, optional
        Id that the platform gave.
    global_key : str, optional
        Key that its owner gave. There is at most one of ``uid`` and ``global_key``.
    external_id : str, optional
        Name that its owner gave, which need not be unique; alone, or beside one of the others.
    url : str, optional
        Address of the image, text or video.
    media_attributes : dict, optional
        Width, height and the like.
    metadata : list of dict, optional
        Metadata fields.

    Examples
    --------
    >>> GenericDataRowData(uid="cktiom8osh4210ytmevuk7lfh").data_row.key
    ('id', 'cktiom8osh4210ytmevuk7lfh')
    """

    uid: Name | None = None
    global_key: Name | None = None
    external_id: Text | None = None
    url: Text | None = None
    media_attributes: dict[str, Any] | None = None
    metadata: list[dict[str, Any]] | None = None
    # Constructor calls may name the class.
    class_name: Literal["GenericDataRowData"] = Field("GenericDataRowData", exclude=True, repr=False)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.uid is not None and self.global_key is not None:
            raise PydanticCustomError("data_row", "needs exactly one of uid and global_key, got both")
        if self.uid is None and self.global_key is None and self.external_id is None:
            raise PydanticCustomError("data_row", "needs exactly one of uid and global_key, got neither")
        return self

    @property
    def data_row(self) -> DataRow:
        """The key as lines of NDJSON hold it.

        Raises
        ------
        DataRowError
            If there is an external id only: it does not say which data row is meant.
        """
        if self.uid is None and self.global_key is None:
            raise DataRowError(f"external_id {self.external_id!r} does not identify a data row: give uid or global_key")
        return DataRow(id=self.uid, global_key=self.global_key)


ImageData = GenericDataRowData
TextData = GenericDataRowData
VideoData = GenericDataRowData


def _is_annotation(value: object) -> object:
    if isinstance(value, get_args(AnyAnnotation)):
        return value
    raise PydanticCustomError(
        "annotation_type",
        "expected an annotation such as ObjectAnnotation or ScalarMetric, got {got}",
        {"got": type(value).__name__},
    )


class Label(Model):
    """All annotations of one data row: ground truths, predictions or metrics.

    Parameters
    ----------
    data : GenericDataRowData
        The data row.
    annotations : list
        The annotations. The list can be extended in place.
    uid : str, optional
        Id of the label itself.
    extra : dict, optional
        The user's own things.
    is_benchmark_reference : bool, optional
        Whether other labels are measured against this one.

    Examples
    --------
    >>> label = Label(data=ImageData(uid="cktiom8osh4210ytmevuk7lfh"))
    >>> label.annotations.append(ScalarMetric(metric_name="iou_custom", value=0.5))
    >>> len(label.annotations)
    1
    """

    uid: Text | None = None
    data: GenericDataRowData
    annotations: list[Annotated[SerializeAsAny[AnyAnnotation], BeforeValidator(_is_annotation)]] = Field(
        default_factory=list
    )
    extra: dict[str, Any] = Field(default_factory=dict)
    is_benchmark_reference: Flag | None = False

    def object_annotations(self) -> list[ObjectAnnotation]:
        """The objects among the annotations."""
        return [one for one in self.annotations if isinstance(one, ObjectAnnotation)]

    def classification_annotations(self) -> list[ClassificationAnnotation]:
        """The answers among the annotations."""
        return [one for one in self.annotations if isinstance(one, ClassificationAnnotation)]

    def frame_annotations(self) -> dict[int, list[VideoObjectAnnotation | VideoClassificationAnnotation]]:
        """The annotations of frames of a video, by frame."""
        frames: dict[int, list[VideoObjectAnnotation | VideoClassificationAnnotation]] = {}
        for one in self.annotations:
            if isinstance(one, VideoObjectAnnotation | VideoClassificationAnnotation):
                frames.setdefault(one.frame, []).append(one)
        return frames
