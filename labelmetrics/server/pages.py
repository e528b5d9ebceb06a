"""The pages: models and runs, and one run. Plain HTML, no scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from anyio import to_thread
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labelmetrics.errors import NotFoundError, SettingError
from labelmetrics.server import figures
from labelmetrics.server.context import Context, context_of
from labelmetrics.server.keys import KeyCheck, cookie_of
from labelmetrics.server.refusals import Refusal
from labelmetrics.server.rendering import render
from labelmetrics.server.security import cookie_name
from labelmetrics.store import data_rows, imports, models
from labelmetrics.store.imports import Import
from labelmetrics.store.models import ModelRun
from labelmetrics.store.summaries import RunSummary
from labelmetrics.summary import HEADINGS, Summary

__all__ = ["ROUTES"]

PAGE = 50
"""Runs of one page of the list."""


class Row(NamedTuple):
    """A run of the list: what it holds, and how many imports it has; progress of the one that is worked on."""

    run: ModelRun
    summary: RunSummary
    imports: int
    progress: str | None


def _page(make: Callable[[Context, Request], str]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        context = context_of(request)
        text = await to_thread.run_sync(make, context, request, limiter=context.readers)
        return Response(text, media_type="text/html")

    return endpoint


async def _home(request: Request) -> Response:
    if "key" not in request.query_params:
        return await _page(_list)(request)
    keys = KeyCheck(context_of(request).store)
    await to_thread.run_sync(keys.refresh)
    key = request.query_params["key"]
    if not keys.is_key(key):
        raise Refusal("AUTHENTICATION_ERROR", "this key is not that of the server: 'labelmetrics key show' prints it")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(cookie_name(request.scope), cookie_of(key), max_age=30 * 86400, httponly=True, samesite="strict")
    return answer


def _list(context: Context, request: Request) -> str:
    number = _number(request)
    with context.store.read() as connection:
        runs = models.runs(connection, skip=(number - 1) * PAGE, first=PAGE + 1)
        parents = {one: models.model(connection, one) for one in {run.model_id for run in runs}}
        latest = imports.latest(connection, [run.id for run in runs])
        rows = [_row(context, connection, run, *latest.get(run.id, (None, 0))) for run in runs[:PAGE]]
        numbers = models.counts(connection)
        empty = [one for one in models.models(connection, first=PAGE) if not numbers.get(one.id)]
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row.run.model_id, []).append(row)
    return render(
        "runs.html",
        groups=[(parents[model_id], some) for model_id, some in by_model.items()],
        empty=empty if number == 1 else [],
        number=number,
        has_more=len(runs) > PAGE,
        endpoint=f"{context.base}/graphql",
    )


def _row(context: Context, connection: Connection, run: ModelRun, last: Import | None, sent: int) -> Row:
    summary = context.summaries.of(connection, run)
    if not summary.figures and summary.ground_truths and summary.predictions:
        evaluation = figures.evaluation_of(context.store, connection, run.id)
        summary = replace(summary, figures=figures.headline_of(evaluation))
    return Row(run, summary, sent, last.progress if last is not None and last.state == "RUNNING" else None)


def _number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 10**7):
        raise Refusal("MALFORMED_REQUEST", "a page has a number")
    return int(text[:9])


def _run(context: Context, request: Request) -> str:
    run_id = request.path_params["id"]
    with context.store.read() as connection:
        run = models.run(connection, run_id)
        if run is None:
            raise NotFoundError("model run", run_id)
        model = models.model(connection, run.model_id)
        summary = context.summaries.of(connection, run)
        splits = data_rows.split_counts(connection, run_id)
        last = imports.imports(connection, run_id, first=20)
        sent = imports.count_imports(connection, run_id)
        evaluation = figures.evaluation_of(context.store, connection, run_id)
        keys = figures.confidence_keys(connection, run_id)
    compared = None if evaluation is None else evaluation.summary
    asked = _confidence(request)
    confidence = asked if asked is not None else next(iter(keys), None)
    tables, problem = [], None
    try:
        tables = figures.tables(context.aggregates, run_id, confidence)
    except SettingError as error:
        problem = str(error)
    return render(
        "run.html",
        run=run,
        model=model,
        summary=summary,
        sent=sent,
        splits=splits,
        imports=[(one, context.file_url(one.error_token)) for one in last],
        evaluation=evaluation,
        compared=None if compared is None else Summary.of_dict(compared),
        headings=HEADINGS,
        limit=figures.SHOWN,
        keys=keys,
        confidence=confidence,
        tables=tables,
        problem=problem,
    )


def _confidence(request: Request) -> float | None:
    text = request.query_params.get("confidence", "")
    if not text:
        return None
    with suppress(ValueError):
        number = float(text[:40])
        if 0 <= number <= 1:
            return number
    raise Refusal("MALFORMED_REQUEST", "a confidence is a number from 0 to 1")


ROUTES = [
    Route("/", _home, methods=["GET"]),
    Route("/runs/{id}", _page(_run), methods=["GET"]),
]
