"""The client: models and runs of one server."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from labelmetrics.errors import ApiNotFoundError, SettingError
from labelmetrics.places import home
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Connection
from labelmetrics.runs.model import Model
from labelmetrics.runs.model_run import ModelRun, Place, get_run
from labelmetrics.runs.plan import UploadPlan
from labelmetrics.runs.target import Target, target_of
from labelmetrics.runs.transport import Retries, Transport
from labelmetrics.runs.upload import Options, Upload

__all__ = ["Client"]


class Client:
    """Models and model runs, on the platform or on a local server.

    Without arguments the environment says where they are: ``LABELBOX_API_KEY`` is a key of the platform,
    ``LABELMETRICS_API_KEY`` one of the server at ``LABELMETRICS_ENDPOINT``, or of the local one. Without these it is
    the local server that this user has started (``labelmetrics serve``). A key is never sent elsewhere than where it
    belongs.

    Parameters
    ----------
    api_key : str, optional
        The key; that of the endpoint unless given.
    endpoint : str, optional
        Address of the server's GraphQL, or ``"platform"`` or ``"local"``; that of the key unless given.
    transport : callable, optional
        What sends requests: a function from a ``Request`` to a ``Response`` of ``labelmetrics.runs.transport``.
    retries : Retries, optional
        When requests are sent again.
    folder : path, optional
        Where the local server and the notes of uploads are; ``LABELMETRICS_HOME`` or the user's data folder unless
        given.

    Raises
    ------
    SettingError
        There is no server, no key, or more than one way to read what is given.

    Examples
    --------
    >>> import labelmetrics as lm
    >>> from labelmetrics.runs.transport import Response
    >>> def transport(request):
    ...     return Response(200, {}, [b'{"data": {"model": {"id": "m1", "name": "yolo", "ontologyId": null}}}'])
    >>> client = lm.Client("secret", "http://127.0.0.1:8765", transport=transport)
    >>> client
    <Client of http://127.0.0.1:8765/graphql>
    >>> client.get_model("m1")
    <Model 'yolo' (m1)>
    """

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        transport: Transport | None = None,
        retries: Retries | None = None,
        folder: str | Path | None = None,
    ) -> None:
        target = target_of(api_key, endpoint, folder=folder)
        self._place = Place(Connection(target, transport, retries), home(folder) / "uploads")

    @property
    def target(self) -> Target:
        """The server; its key is not shown."""
        return self._place.connection.target

    def create_model(self, name: str, ontology_id: str | None = None) -> Model:
        """Create a model.

        Parameters
        ----------
        name : str
            Its name.
        ontology_id : str, optional
            The ontology of its annotations; a local server needs none.

        Raises
        ------
        SettingError
            The platform needs an ontology.
        """
        if ontology_id is None:
            if self.target.is_platform:
                raise SettingError("a model of the platform needs an ontology: give its id (ontology_id=)")
            ontology_id = ""
        variables = {"name": name, "ontologyId": ontology_id}
        return Model(self._place, self._place.connection.execute(documents.CREATE_MODEL, variables)["createModel"])

    def get_model(self, model_id: str) -> Model:
        """The model with an id.

        Raises
        ------
        ApiNotFoundError
            There is none.
        """
        found = self._place.connection.execute(documents.GET_MODEL, {"param_0": model_id})["model"]
        if found.value is None:
            raise ApiNotFoundError(f"there is no model {model_id!r}", url=found.url)
        return Model(self._place, found)

    def models(self, name: str | None = None) -> Iterator[Model]:
        """Iterate over all models, or those with a name."""
        variables: dict[str, Any] = {} if name is None else {"param_0": name}
        skip = 0
        while True:
            document = documents.models(skip, by_name=name is not None)
            found = self._place.connection.execute(document, variables)["models"].items()
            yield from (Model(self._place, one) for one in found)
            if len(found) < documents.PAGE:
                return
            skip += documents.PAGE

    def get_model_run(self, model_run_id: str) -> ModelRun:
        """The model run with an id.

        Raises
        ------
        ApiNotFoundError
            There is none.
        """
        return get_run(self._place, model_run_id)

    def model_runs(self, name: str | None = None) -> Iterator[ModelRun]:
        """Iterate over the runs of all models, or those with a name."""
        runs = (run for model in self.models() for run in model.model_runs())
        return runs if name is None else (run for run in runs if run.name == name)

    def model_run(self, model: str, run: str, *, ontology_id: str | None = None) -> ModelRun:
        """The run of a model, both by name; what is not there is made.

        Parameters
        ----------
        model, run : str
            Their names.
        ontology_id : str, optional
            For a model that is made; see :meth:`create_model`.

        Raises
        ------
        SettingError
            More than one model or run has the name.
        """
        found = self.find_model_run(model, run, ontology_id=ontology_id)
        if found is not None:
            return found
        if ontology_id is None and not self.target.is_platform:
            # Asked once more because its answer was lost, our own server makes nothing twice.
            made = self._place.connection.api_json("POST", "runs", body={"model": model, "run": run})
            return self.get_model_run(made["run"].text("id"))
        owner = self._find_model(model, ontology_id) or self.create_model(model, ontology_id)
        return owner.create_model_run(run)

    def find_model_run(self, model: str, run: str, *, ontology_id: str | None = None) -> ModelRun | None:
        """The run of a model, both by name; ``None`` where there is none.

        Parameters
        ----------
        model, run : str
            Their names.
        ontology_id : str, optional
            Ontology of the model.

        Raises
        ------
        SettingError
            More than one model or run has the name.
        """
        owner = self._find_model(model, ontology_id)
        runs = [] if owner is None else [one for one in owner.model_runs() if one.name == run]
        _check_one(runs, "model run", run)
        return runs[0] if runs else None

    def _find_model(self, name: str, ontology_id: str | None) -> Model | None:
        models = [one for one in self.models(name) if ontology_id is None or one.ontology_id == ontology_id]
        _check_one(models, "model", name)
        return models[0] if models else None

    def plan(self, predictions: Any, **settings: Any) -> UploadPlan:
        """What an upload to a run that is yet to be made would do; parameters are those of :meth:`ModelRun.plan`."""
        return Upload(self._place.connection, "", self._place.folder, Options(**settings)).plan(predictions)

    def create_model_run(self, model_id: str, name: str, config: dict[str, Any] | None = None) -> ModelRun:
        """Create a run of the model with an id; see :meth:`Model.create_model_run`."""
        return self.get_model(model_id).create_model_run(name, config)

    def __repr__(self) -> str:
        return f"<Client of {self.target}>"

    def _repr_html_(self) -> str:
        pages = escape(self.target.pages)
        return f'Client of <a href="{pages}">{escape(str(self.target))}</a>'


def _check_one(found: list[Any], what: str, name: str) -> None:
    if len(found) > 1:
        ids = ", ".join(one.id for one in found[:5])
        raise SettingError(f"{len(found)} have the name of the {what} {name!r}: choose by id ({ids})")
