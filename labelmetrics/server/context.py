"""What answering a request needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from anyio import CapacityLimiter
from graphql import GraphQLSchema
from starlette.requests import Request

from labelmetrics.server.account import Account
from labelmetrics.server.figures import Summaries
from labelmetrics.server.jobs import Jobs
from labelmetrics.server.settings import Settings
from labelmetrics.store import Store
from labelmetrics.store.aggregates import Aggregates

__all__ = ["Context", "Worker", "context_of"]


class Worker(Protocol):
    """What works through imports."""

    def wake(self) -> None:
        """Say that there is work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What answering a request needs.

    Parameters
    ----------
    store : Store
        The database.
    importer : Worker
        What works through imports.
    jobs : Jobs
        What does work that takes long.
    summaries : Summaries
        Remembers what lists show of runs.
    aggregates : Aggregates
        Remembers rollups.
    account : Account
        The user.
    settings : Settings
        Limits.
    schema : GraphQLSchema
        The schema of the wire protocol.
    readers, uploaders : CapacityLimiter
        How many threads answer requests, and take uploads.
    base : str
        The beginning of this server's URLs, as whoever asks knows it.
    """

    store: Store
    importer: Worker
    jobs: Jobs
    summaries: Summaries
    aggregates: Aggregates
    account: Account
    settings: Settings
    schema: GraphQLSchema
    readers: CapacityLimiter
    uploaders: CapacityLimiter
    base: str = ""

    def file_url(self, token: str) -> str:
        """The URL of a file."""
        return f"{self.base}/files/{token}"


def context_of(request: Request) -> Context:
    """The context of a request."""
    context: Context = request.app.state.context
    # The name by which the server was asked is one of those it answers to.
    return replace(context, base=f"{request.url.scheme}://{request.headers['host']}")
