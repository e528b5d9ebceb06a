"""Named entities: spans of characters in texts and conversations, selections of tokens in documents."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from labelmetrics.types.base import Count, Model, PageNumber, Text
from labelmetrics.types.geometry import Geometry

__all__ = ["ConversationEntity", "DocumentEntity", "DocumentTextSelection", "TextEntity"]


class TextEntity(Geometry):
    """A span of characters.

    Parameters
    ----------
    start, end : int
        First and last position.

    Examples
    --------
    >>> TextEntity(start=67, end=128).model_dump(by_alias=True)
    {'start': 67, 'end': 128}
    """

    wire_key: ClassVar[str] = "location"
    start: Count
    end: Count

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.start > self.end:
            raise PydanticCustomError("span", "a span must not end before it starts")
        return self


class ConversationEntity(TextEntity):
    """A span of characters in one message of a conversation.

    Parameters
    ----------
    start, end : int
        First and last position.
    message_id : str
        The message.

    Examples
    --------
    >>> ConversationEntity(start=0, end=8, message_id="m1").message_id
    'm1'
    """

    message_id: Text


class DocumentTextSelection(Model):
    """Tokens on one page of a document.

    Parameters
    ----------
    token_ids : list of str
        The tokens.
    group_id : str
        The group that the document's text layer puts them in.
    page : int
        Page, counted from 1.

    Examples
    --------
    >>> DocumentTextSelection(token_ids=["t1", "t2"], group_id="g1", page=1).page
    1
    """

    token_ids: list[Text]
    group_id: Text
    page: PageNumber


class DocumentEntity(Geometry):
    """Tokens of a document, on one page or more.

    Parameters
    ----------
    text_selections : list of DocumentTextSelection
        The tokens, page by page.
    name : str, optional
        Not used: examples of the Labelbox SDK give it, and the annotation has the name that counts.

    Examples
    --------
    >>> selection = DocumentTextSelection(token_ids=["t1", "t2"], group_id="g1", page=1)
    >>> DocumentEntity(text_selections=[selection]).model_dump(by_alias=True)
    [{'tokenIds': ['t1', 't2'], 'groupId': 'g1', 'page': 1}]
    """

    wire_key: ClassVar[str] = "textSelections"
    text_selections: list[DocumentTextSelection]
    name: Text | None = Field(None, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _from_wire(cls, data: Any) -> Any:
        return {"textSelections": data} if isinstance(data, list) else data

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        fields = handler(self)
        return fields["textSelections"] if info.by_alias else fields
