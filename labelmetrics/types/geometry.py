"""Points, lines, polygons and rectangles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    ConfigDict,
    Field,
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

from labelmetrics.types.base import Coordinate, Count, Model

if TYPE_CHECKING:
    import shapely as shp

__all__ = ["DocumentRectangle", "Geometry", "Line", "Point", "Polygon", "Rectangle", "RectangleUnit"]


class Geometry(Model):
    """Base of the places an object can have; ``wire_key`` is the field of a line that holds it."""

    wire_key: ClassVar[str]
    extra: dict[str, Any] = Field(default_factory=dict)


class Point(Geometry):
    """A point, in pixels from the upper left corner.

    Parameters
    ----------
    x, y : float
        Coordinates.

    Examples
    --------
    >>> Point(x=3, y=4)
    Point(x=3.0, y=4.0)
    """

    wire_key: ClassVar[str] = "point"
    x: Coordinate
    y: Coordinate

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        shown: list[tuple[str | None, Any]] = [("x", self.x), ("y", self.y)]
        return [*shown, ("extra", self.extra)] if self.extra else shown

    @property
    def shapely(self) -> shp.Point:
        """The same as a geometry of shapely."""
        import shapely

        return shapely.Point(self.x, self.y)

    @classmethod
    def from_shapely(cls, shapely_obj: shp.Point) -> Self:
        """Point at the place of a point of shapely."""
        _expect(shapely_obj, "Point")
        return cls(x=shapely_obj.x, y=shapely_obj.y)


class _Points(Geometry):
    points: list[Point]

    @model_validator(mode="before")
    @classmethod
    def _from_wire(cls, data: Any) -> Any:
        return {"points": data} if isinstance(data, list) else data

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        fields = handler(self)
        return fields["points"] if info.by_alias else fields


class Line(_Points):
    """An open line through points.

    Parameters
    ----------
    points : list of Point
        Two or more.

    Examples
    --------
    >>> Line(points=[Point(x=0, y=0), Point(x=3, y=4)]).shapely.length
    5.0
    """

    wire_key: ClassVar[str] = "line"

    @field_validator("points")
    @classmethod
    def _has_length(cls, points: list[Point]) -> list[Point]:
        if len(points) < 2:
            raise PydanticCustomError("too_few_points", "a line needs 2 points or more, got {n}", {"n": len(points)})
        return points

    @property
    def shapely(self) -> shp.LineString:
        """The same as a geometry of shapely."""
        import shapely

        return shapely.LineString([(point.x, point.y) for point in self.points])

    @classmethod
    def from_shapely(cls, shapely_obj: shp.LineString) -> Self:
        """Line through the points of a line of shapely."""
        _expect(shapely_obj, "LineString")
        return cls(points=[Point(x=x, y=y) for x, y, *_ in shapely_obj.coords])


class Polygon(_Points):
    """The area within a ring of points.

    Parameters
    ----------
    points : list of Point
        Three or more. A ring that is open is closed (in a list of its own; the caller's stays as it is).

    Examples
    --------
    >>> corners = [Point(x=0, y=0), Point(x=4, y=0), Point(x=4, y=4)]
    >>> Polygon(points=corners).shapely.area
    8.0
    >>> len(corners)
    3
    """

    wire_key: ClassVar[str] = "polygon"

    @field_validator("points")
    @classmethod
    def _is_closed(cls, points: list[Point]) -> list[Point]:
        if len(points) < 3:
            raise PydanticCustomError("too_few_points", "a polygon needs 3 points or more, got {n}", {"n": len(points)})
        first, last = points[0], points[-1]
        return points if (first.x, first.y) == (last.x, last.y) else [*points, first]

    @property
    def shapely(self) -> shp.Polygon:
        """The same as a geometry of shapely; as it was drawn, not repaired."""
        import shapely

        corners = [(point.x, point.y) for point in self.points]
        return shapely.Polygon(corners if len(corners) > 3 else [*corners, corners[0]])

    @classmethod
    def from_shapely(cls, shapely_obj: shp.Polygon) -> Self:
        """Polygon with the outer ring of a polygon of shapely; holes are left out."""
        _expect(shapely_obj, "Polygon")
        return cls(points=[Point(x=x, y=y) for x, y, *_ in shapely_obj.exterior.coords])


class WireBox(TypedDict):
    """A rectangle as lines of NDJSON hold it."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    top: Coordinate
    left: Coordinate
    height: Annotated[Coordinate, Field(ge=0)]
    width: Annotated[Coordinate, Field(ge=0)]


_WIRE_BOX: TypeAdapter[WireBox] = TypeAdapter(WireBox)


class Rectangle(Geometry):
    """A rectangle with sides parallel to the axes, between two opposite corners.

    Parameters
    ----------
    start, end : Point
        Opposite corners; usually the upper left and the lower right one.

    Examples
    --------
    >>> box = Rectangle(start=Point(x=10, y=20), end=Point(x=30, y=25))
    >>> box.model_dump(by_alias=True)
    {'top': 20.0, 'left': 10.0, 'height': 5.0, 'width': 20.0}
    >>> Rectangle.model_validate({"top": 20, "left": 10, "height": 5, "width": 20}) == box
    True
    """

    wire_key: ClassVar[str] = "bbox"
    start: Point
    end: Point
    # Width and height as they were read: the difference of the corners may miss them by a rounding.
    _size: tuple[float, float] | None = PrivateAttr(None)

    @classmethod
    def from_xyhw(cls, x: float, y: float, h: float, w: float) -> Self:
        """Rectangle from its left, top, height and width."""
        return cls(start=Point(x=x, y=y), end=Point(x=x + w, y=y + h))

    @model_validator(mode="wrap")
    @classmethod
    def _from_wire(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping) or "start" in data or "end" in data:
            return handler(data)
        corners = {name: data[name] for name in ("page", "unit", "extra") if name in data}
        box = _WIRE_BOX.validate_python({name: value for name, value in data.items() if name not in corners})
        left, top = box["left"], box["top"]
        corners["start"] = {"x": left, "y": top}
        corners["end"] = {"x": left + box["width"], "y": top + box["height"]}
        rectangle = handler(corners)
        rectangle._size = (box["width"], box["height"])
        return rectangle

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        left, right = sorted((self.start.x, self.end.x))
        top, bottom = sorted((self.start.y, self.end.y))
        width, height = right - left, bottom - top
        if self._size is not None and left + self._size[0] == right and top + self._size[1] == bottom:
            width, height = self._size
        return {"top": top, "left": left, "height": height, "width": width}

    @property
    def shapely(self) -> shp.Polygon:
        """The same as a geometry of shapely."""
        import shapely

        left, right = sorted((self.start.x, self.end.x))
        top, bottom = sorted((self.start.y, self.end.y))
        return shapely.box(left, top, right, bottom)

    @classmethod
    def from_shapely(cls, shapely_obj: shp.Polygon) -> Self:
        """Rectangle around a polygon of shapely."""
        _expect(shapely_obj, "Polygon")
        left, top, right, bottom = shapely_obj.bounds
        return cls(start=Point(x=left, y=top), end=Point(x=right, y=bottom))


class RectangleUnit(Enum):
    """What the coordinates of a rectangle in a document count.

    Examples
    --------
    >>> RectangleUnit("PERCENT")
    <RectangleUnit.PERCENT: 'PERCENT'>
    """

    INCHES = "INCHES"
    PIXELS = "PIXELS"
    POINTS = "POINTS"
    PERCENT = "PERCENT"


class DocumentRectangle(Rectangle):
    """A rectangle on a page of a document.

    Parameters
    ----------
    start, end : Point
        Opposite corners.
    page : int
        Page, counted as the platform counts it.
    unit : RectangleUnit
        What the coordinates count.

    Examples
    --------
    >>> corners = {"start": Point(x=10, y=20), "end": Point(x=30, y=25)}
    >>> DocumentRectangle(**corners, page=4, unit=RectangleUnit.POINTS).model_dump(by_alias=True)
    {'top': 20.0, 'left': 10.0, 'height': 5.0, 'width': 20.0, 'page': 4, 'unit': 'POINTS'}
    """

    page: Count
    unit: RectangleUnit

    def _to_wire(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**super()._to_wire(fields), "page": self.page, "unit": self.unit.value}


def _expect(shape: Any, kind: str) -> None:
    found = getattr(shape, "geom_type", type(shape).__name__)
    if found != kind:
        raise TypeError(f"expected a {kind} of shapely, got {found}")
