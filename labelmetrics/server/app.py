"""The application: routes, what stands before them, and how errors are told."""

from __future__ import annotations

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelmetrics.errors import LabelmetricsError
from labelmetrics.server.account import account_of
from labelmetrics.server.api.endpoints import ROUTES as API
from labelmetrics.server.context import Context, Worker
from labelmetrics.server.figures import Summaries
from labelmetrics.server.files import send_file
from labelmetrics.server.graphql import graphql, make_schema
from labelmetrics.server.jobs import Jobs
from labelmetrics.server.keys import KeyCheck, ensure_key
from labelmetrics.server.pages import ROUTES as PAGES
from labelmetrics.server.refusals import GRAPHQL_PATHS, Refusal, as_refusal, refuse
from labelmetrics.server.security import AccessLog, Guard
from labelmetrics.server.settings import Settings
from labelmetrics.server.uploads import clear_incoming
from labelmetrics.store import Store
from labelmetrics.store.aggregates import Aggregates

__all__ = ["make_app"]

READERS, UPLOADERS = 40, 64
"""Threads that answer requests, and that take uploads, which mostly wait."""


def make_app(store: Store, importer: Worker, settings: Settings | None = None) -> Starlette:
    """The application of a store.

    Parameters
    ----------
    store : Store
        The database; its key is made if it has none.
    importer : Worker
        What works through imports; it is woken when there is one.
    settings : Settings, optional
        Limits, and names that the server answers to.
    """
    settings = settings or Settings()
    ensure_key(store)
    clear_incoming(store)
    app = Starlette(
        routes=[
            *(Route(path, graphql, methods=["POST"]) for path in GRAPHQL_PATHS),
            Route("/files/{token}", send_file, methods=["GET"]),
            Route("/healthz", _health, methods=["GET"]),
            *API,
            *PAGES,
        ],
        middleware=[
            Middleware(AccessLog),
            Middleware(Guard, keys=KeyCheck(store), allow_hosts=settings.allow_hosts),
            Middleware(_Unforeseen),
        ],
        exception_handlers={HTTPException: _told, LabelmetricsError: _told},
    )
    app.router.redirect_slashes = False
    app.state.context = Context(
        store=store,
        importer=importer,
        jobs=Jobs(store),
        summaries=Summaries(),
        aggregates=Aggregates(store),
        account=account_of(store),
        settings=settings,
        schema=make_schema(),
        readers=CapacityLimiter(READERS),
        uploaders=CapacityLimiter(UPLOADERS),
    )
    return app


async def _health(request: Request) -> Response:
    return Response(b'{"status": "ok"}', media_type="application/json")


async def _told(request: Request, error: Exception) -> Response:
    return refuse(request.scope, _of_http(request, error) if isinstance(error, HTTPException) else as_refusal(error))


class _Unforeseen:
    """Tells of errors that nobody thought of, as of others; the log has their tracebacks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:
            # Writing the traceback may take a while.
            refusal = await to_thread.run_sync(as_refusal, error)
            if not has_begun:
                await refuse(scope, refusal)(scope, receive, send)
            # An answer that has begun breaks off here: the connection is closed, so that it is not taken for whole.


def _of_http(request: Request, error: HTTPException) -> Refusal:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        message = f"{request.method} is not possible here; {headers.get('Allow', 'nothing')} is"
        return Refusal("OPERATION_NOT_ALLOWED", message, headers=headers)
    if error.status_code == 404:
        return Refusal("RESOURCE_NOT_FOUND", "there is nothing at this address")
    return Refusal("MALFORMED_REQUEST", str(error.detail), status=error.status_code, headers=headers)
