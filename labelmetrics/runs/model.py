"""Models: what runs are runs of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labelmetrics.errors import ApiNotFoundError
from labelmetrics.frame import html_table
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Json
from labelmetrics.runs.model_run import ModelRun, Place

__all__ = ["Model"]


class Model:
    """A model, which has runs.

    Made by :meth:`Client.create_model`, :meth:`Client.get_model` and :meth:`Client.models`.

    Parameters
    ----------
    place : Place
        The server.
    found : Json
        What it tells of the model.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> from labelmetrics.runs.transport import Response
    >>> def transport(request):
    ...     return Response(200, {}, [b'{"data": {"createModel": {"id": "m1", "name": "yolo", "ontologyId": "o1"}}}'])
    >>> client = lm.Client("secret", "http://127.0.0.1:8765", transport=transport)
    >>> client.create_model("yolo", "o1").ontology_id
    'o1'
    """

    def __init__(self, place: Place, found: Json) -> None:
        self._place = place
        self.id = found.text("id")
        self.name = found.text("name")
        self.ontology_id: str | None = found.get("ontologyId")

    def create_model_run(self, name: str, config: dict[str, Any] | None = None) -> ModelRun:
        """Create a run.

        Parameters
        ----------
        name : str
            Its name.
        config : dict, optional
            Whatever is to be remembered with it, such as how the model was trained.
        """
        variables = {"name": name, "config": config, "modelId": self.id}
        return ModelRun(self._place, self._place.connection.execute(documents.CREATE_RUN, variables)["createModelRun"])

    def model_runs(self) -> Iterator[ModelRun]:
        """Iterate over its runs."""
        skip = 0
        while True:
            found = self._place.connection.execute(documents.model_runs(skip), {"param_0": self.id})["model"]
            if found.value is None:
                raise ApiNotFoundError(f"there is no model {self.id!r}", url=found.url)
            runs = found["modelRuns"].items()
            yield from (ModelRun(self._place, one) for one in runs)
            if len(runs) < documents.PAGE:
                return
            skip += documents.PAGE

    def delete(self) -> None:
        """Delete the model with its runs."""
        self._place.connection.execute(documents.DELETE_MODEL, {"ids": self.id})

    def __repr__(self) -> str:
        return f"<Model {self.name!r} ({self.id})>"

    def _repr_html_(self) -> str:
        return html_table(["model", "id", "ontology"], [[self.name, self.id, self.ontology_id or ""]])
