"""Building blocks of commands that speak to a server of model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labelmetrics.cli._messages import Messages
from labelmetrics.cli._options import option
from labelmetrics.errors import ApiNotFoundError, SettingError
from labelmetrics.words import counted

if TYPE_CHECKING:
    from labelmetrics.runs.client import Client
    from labelmetrics.runs.job import ImportJob, UploadResult
    from labelmetrics.runs.model_run import ModelRun

SHOWN = 10
"""Refused lines that are shown."""

endpoint_option = option(
    "--endpoint",
    metavar="URL",
    section="Server",
    help="Address of the server; platform and local are names of two. The key is never an option. "
    "[default: the server whose key is in the environment, or the local one]",
)

failures_option = option(
    "--failures",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    section="Output",
    help="Write all lines that the server refuses, with its reasons, to FILE (NDJSON).",
)


def connected(endpoint: str | None) -> Client:
    """The client of a server that answers.

    That it does not is told soon; once there is work under way, requests are repeated with more patience.

    Raises
    ------
    ApiError
        It does not answer, or does not know the key.
    """
    from labelmetrics.runs.client import Client
    from labelmetrics.runs.transport import Retries

    next(Client(endpoint=endpoint, retries=Retries(attempts=3)).models(), None)
    return Client(endpoint=endpoint)


def run_named(client: Client, text: str, *, make: bool = False) -> ModelRun:
    """The run that has an id, or that ``MODEL/RUN`` names.

    Raises
    ------
    SettingError
        There is none, and it is not to be made.
    """
    model, slash, run = text.partition("/")
    if make and slash:
        return client.model_run(model, run)
    try:
        found = client.find_model_run(model, run) if slash else client.get_model_run(text)
    except ApiNotFoundError:
        found = None
    if found is None:
        raise SettingError(
            f"there is no model run {text!r} at {client.target}: name one by its id, or as MODEL/RUN "
            "('labelmetrics runs' lists them)"
        )
    return found


def result_of(messages: Messages, job: ImportJob, failures: str | None = None) -> UploadResult:
    """What became of an upload, when the server has done its part; refused lines are shown and written."""
    with messages.progress() as progress:
        result = job.wait_until_done(progress=progress).result()
    if failures is not None:
        _write(job, failures)
        messages.info(f"wrote {failures}: {counted(result.failed, 'refused line')}")
    if not result.ok:
        shown = [f"  {_failure(one)}" for one in result.failures[:SHOWN]]
        if result.failed > SHOWN:
            where = f"all are in {failures}" if failures is not None else "--failures FILE writes them all"
            shown.append(f"  ... and {result.failed - SHOWN:,} more; {where}")
        head = f"the server refused {counted(result.failed, 'line')} of {result.sent:,}"
        messages.error("\n".join([f"{head}:", *shown]))
    return result


def _write(job: ImportJob, path: str) -> None:
    import json

    from labelmetrics.formats.output import open_output

    with open_output(path) as stream:
        for one in job.read("errors"):
            stream.write(json.dumps(one).encode() + b"\n")


def _failure(status: dict[str, Any]) -> str:
    """A refused line: its data row, and why."""
    from labelmetrics.runs.connection import told

    row = status.get("dataRow")
    named = next((f"{kind}:{row[kind]}" for kind in ("globalKey", "id") if row.get(kind)), "") if row else ""
    errors = status.get("errors") or [None]
    return f"{named or status.get('uuid')}: {'; '.join(map(told, errors))}"
