"""Imports that a server works on, and how they end."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from labelmetrics.errors import ApiError, UploadError
from labelmetrics.frame import html_table
from labelmetrics.runs import documents
from labelmetrics.runs.connection import Connection, Json, told
from labelmetrics.words import counted

if TYPE_CHECKING:
    from labelmetrics.runs.plan import UploadPlan

__all__ = ["Import", "ImportJob", "Progress", "UploadResult", "fetch", "find", "shown_progress"]
__all__ += ["wait_for_task", "wait_while"]

Progress = Callable[[str, float], object]
State = Literal["RUNNING", "FINISHED", "FAILED"]
Content = Literal["inputs", "statuses", "errors"]

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between two questions whether a job is done; the last ones are repeated."""

SHOWN = 100
"""Failures that a result holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import of a model run, as the server last told of it.

    Parameters
    ----------
    name : str
        Its name, unique in the run.
    id : str
        Its id.
    kind : {"predictions", "ground_truths"}
        What it brings.
    state : {"RUNNING", "FINISHED", "FAILED"}
        How far it is.
    percent : int
        How much of it is done.
    urls : dict
        Where its inputs, statuses and errors are, as far as they are there.
    error : str, optional
        Why it failed.
    """

    name: str
    id: str
    kind: str
    state: State
    percent: int
    urls: dict[str, str] = field(default_factory=dict, repr=False)
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """What :meth:`of` reads."""
        names = {"inputs": "inputUrl", "statuses": "statusUrl", "errors": "errorUrl"}
        urls = {names[content]: url for content, url in self.urls.items()}
        return {"name": self.name, "id": self.id, "state": self.state, "progress": f"{self.percent}%", **urls}

    @classmethod
    def of(cls, found: Json, kind: str) -> Import:
        """Read what a server tells of an import, by GraphQL or by the JSON interface."""
        state = found.text("state")
        if state not in ("RUNNING", "FINISHED", "FAILED"):
            raise ApiError(f"the answer has the unknown state {state!r}", url=found.url)
        urls = {
            content: url
            for content, *names in (
                ("inputs", "inputFileUrl", "inputUrl"),
                ("statuses", "statusFileUrl", "statusUrl"),
                ("errors", "errorFileUrl", "errorUrl"),
            )
            if isinstance(url := next((found.get(name) for name in names if found.get(name)), None), str)
        }
        digits = str(found.get("progress") or "").strip("% ").partition(".")[0]
        percent = 100 if state == "FINISHED" else min(int(digits), 100) if digits.isdecimal() else 0
        error = found.get("error")
        return cls(
            name=found.text("name"),
            id=found.text("id"),
            kind=kind,
            state=state,  # type: ignore[arg-type]
            percent=percent,
            urls=urls,
            error=told(error) if error else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadResult:
    """What became of an upload.

    Parameters
    ----------
    sent : int
        Lines that were sent.
    unchanged : int
        Lines that were not sent, since the run has them as they are.
    succeeded, failed : int
        Of those that were sent, the lines that the server took and refused.
    failures : tuple of dict
        The first hundred that it refused, with their errors.

    Examples
    --------
    >>> print(UploadResult(sent=3, unchanged=2, succeeded=2, failed=1))
    3 lines sent: 2 taken, 1 refused; 2 unchanged
    """

    sent: int
    unchanged: int
    succeeded: int
    failed: int
    failures: tuple[dict[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no line was refused."""
        return not self.failed

    def __str__(self) -> str:
        return (
            f"{counted(self.sent, 'line')} sent: {self.succeeded:,} taken, {self.failed:,} refused; "
            f"{self.unchanged:,} unchanged"
        )

    def _repr_html_(self) -> str:
        rows = [
            [str(one.get("dataRow", "")), "; ".join(told(error) for error in one.get("errors") or ())]
            for one in self.failures
        ]
        return html_table(["data row", "error"], rows, str(self))


class Settle(Protocol):
    """What is done when the server has worked through all lines."""

    @property
    def needs_statuses(self) -> bool:
        """Whether it makes a difference which lines were taken."""
        ...

    def __call__(self, taken: array[int], /) -> object:
        """Told of each line whether the server has taken it."""
        ...


class ImportJob:
    """An upload that the server works on: one import, or several where it was cut into parts.

    Made by :meth:`ModelRun.add_predictions` and :meth:`ModelRun.add_ground_truths`.

    Parameters
    ----------
    connection : Connection
        The server.
    run_id : str
        The model run.
    imports : sequence of Import
        Its imports.
    plan : UploadPlan, optional
        What was to be sent.
    sent : int
        Lines that were sent, this time or before.
    settle : Settle, optional
        Told once, when somebody waits until all is done, which lines the server has taken.

    Examples
    --------
    >>> from labelmetrics.runs.connection import Connection
    >>> from labelmetrics.runs.target import Target
    >>> done = Import(name="first", id="i1", kind="predictions", state="FINISHED", percent=100)
    >>> job = ImportJob(Connection(Target("http://127.0.0.1:8765/graphql", "secret")), "r1", [done])
    >>> job.wait_until_done()
    <ImportJob 'first': FINISHED, 100%>
    """

    def __init__(
        self,
        connection: Connection,
        run_id: str,
        imports: Sequence[Import],
        *,
        plan: UploadPlan | None = None,
        sent: int = 0,
        settle: Settle | None = None,
    ) -> None:
        self._connection, self._run_id = connection, run_id
        self.imports = list(imports)
        self.plan = plan
        self.sent = sent
        self._settle = settle

    @property
    def state(self) -> State:
        """``"RUNNING"``, ``"FINISHED"`` or ``"FAILED"``, asked of the server as long as it is running."""
        self._refresh()
        return self._state()

    @property
    def progress(self) -> str:
        """How much is done, such as ``"37%"``."""
        self._refresh()
        return f"{self._percent()}%"

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Statuses of the lines that were refused, when all are done."""
        return list(self.read("errors"))

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Status of every line, in their order, when all are done."""
        return list(self.read("statuses"))

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The lines, as the server has them."""
        return list(self.read("inputs"))

    def read(self, content: Content) -> Iterator[dict[str, Any]]:
        """Iterate over the statuses, errors or inputs, of which there may be more than memory holds.

        Parameters
        ----------
        content : {"statuses", "errors", "inputs"}
            What is read; of the first two, waits until all is done.

        Raises
        ------
        UploadError
            The import failed.
        ApiError
            The server does not give it.
        """
        if content != "inputs":
            self._wait(progress=False, timeout=None)
        for one in self.imports:
            url = one.urls.get(content)
            if url is None:
                raise ApiError(f"the server does not say where the {content} of import {one.name!r} are")
            answer = self._connection.download(url)
            for line in answer.lines():
                try:
                    parsed = orjson.loads(line)
                except orjson.JSONDecodeError:
                    parsed = None
                if not isinstance(parsed, dict):
                    raise answer.error(f"a line of the {content} is no JSON object")
                yield parsed

    def result(self) -> UploadResult:
        """What became of the lines; waits until all are done.

        Raises
        ------
        UploadError
            The import failed.
        """
        failures: list[dict[str, Any]] = []
        taken = array("b")
        for status in self.read("statuses"):
            taken.append(status.get("status") == "SUCCESS")
            if not taken[-1] and len(failures) < SHOWN:
                failures.append(status)
        self._settled(taken)
        total, failed = len(taken), len(taken) - sum(taken)
        return UploadResult(
            sent=self.sent or total,
            unchanged=0 if self.plan is None else self.plan.unchanged or 0,
            succeeded=total - failed,
            failed=failed,
            failures=tuple(failures),
        )

    def wait_until_done(self, progress: bool | Progress = True, timeout: float | None = None) -> ImportJob:
        """Wait until the server has worked through all lines.

        Parameters
        ----------
        progress : bool or callable
            Whether a bar is shown; or what is called with the name of the step and the share that is done.
        timeout : float, optional
            Most seconds to wait.

        Returns
        -------
        ImportJob
            The job itself.

        Raises
        ------
        UploadError
            An import failed, or it takes longer than the timeout.
        """
        self._wait(progress=progress, timeout=timeout)
        if self._settle is not None:
            statuses = self.read("statuses") if self._settle.needs_statuses else ()
            self._settled(array("b", (status.get("status") == "SUCCESS" for status in statuses)))
        return self

    def _explained(self, one: Import) -> Import:
        """A failed import with its reason, which the platform's protocol has no place for."""
        if one.error is not None or self._connection.target.is_platform:
            return one
        try:
            return Import.of(self._connection.api_json("GET", "imports/{}", one.id), one.kind)
        except ApiError:
            return one

    def _settled(self, taken: array[int]) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(taken)

    def _wait(self, *, progress: bool | Progress, timeout: float | None) -> None:
        with shown_progress(progress) as tell:
            for _ in _until(timeout, f"the import {self._names()}"):
                self._refresh()
                tell("importing", self._percent() / 100)
                if self._state() != "RUNNING":
                    break
        failed = [one for one in self.imports if one.state == "FAILED"]
        if failed:
            one = self._explained(failed[0])
            self._settled(array("b"))  # there is nothing to go on with
            raise UploadError(f"the import {one.name!r} failed: {one.error or 'the server gives no reason'}")

    def _refresh(self) -> None:
        for index, one in enumerate(self.imports):
            if one.state == "RUNNING":
                self.imports[index] = fetch(self._connection, self._run_id, one)

    def _state(self) -> State:
        states = {one.state for one in self.imports}
        return "RUNNING" if "RUNNING" in states else "FAILED" if "FAILED" in states else "FINISHED"

    def _percent(self) -> int:
        return sum(one.percent for one in self.imports) // len(self.imports) if self.imports else 100

    def _names(self) -> str:
        if not self.imports:
            return "nothing to send"
        first = repr(self.imports[0].name)
        return first if len(self.imports) == 1 else f"{first} and {counted(len(self.imports) - 1, 'other')}"

    def __repr__(self) -> str:
        return f"<ImportJob {self._names()}: {self._state()}, {self._percent()}%>"

    def _repr_html_(self) -> str:
        rows = [[one.name, one.state, one.percent] for one in self.imports]
        return html_table(["import", "state", "percent"], rows, repr(self).strip("<>"))


def fetch(connection: Connection, run_id: str, one: Import) -> Import:
    """What the server tells of an import now."""
    if one.kind == "predictions":
        return find(connection, run_id, one.name)
    return Import.of(connection.api_json("GET", "imports/{}", one.id), one.kind)


def find(connection: Connection, run_id: str, name: str) -> Import:
    """The import of predictions that has a name.

    Raises
    ------
    ApiNotFoundError
        There is none.
    """
    data = connection.execute(documents.GET_IMPORT, {"modelRunId": run_id, "name": name})
    return Import.of(data["modelErrorAnalysisPredictionImport"], "predictions")


def wait_for_task(ask: Callable[[], Json], what: str, timeout: float | None) -> None:
    """Wait for a task of the server.

    Raises
    ------
    UploadError
        It failed, or takes longer than the timeout.
    """
    for _ in _until(timeout, what):
        found = ask()
        status = found.text("status")
        if status == "COMPLETE":
            return
        if status in ("FAILED", "CANCELED"):
            raise UploadError(f"{what} failed: {told(found.get('errorMessage') or found.get('errors'))}")


def wait_while(ask: Callable[[], Json], busy: Callable[[Json], bool], what: str, timeout: float | None) -> Json:
    """Ask again and again, until the server is no longer busy.

    Raises
    ------
    UploadError
        It takes longer than the timeout.
    """
    for _ in _until(timeout, what):
        found = ask()
        if not busy(found):
            break
    return found


def _until(timeout: float | None, what: str) -> Iterator[None]:
    """Yield at once, and again after longer and longer pauses."""
    start = time.monotonic()
    attempt = 0
    while True:
        yield
        pause = PAUSES[min(attempt, len(PAUSES) - 1)]
        if timeout is not None and time.monotonic() - start + pause > timeout:
            raise UploadError(f"{what} is not done after {timeout:g} seconds; it goes on at the server")
        time.sleep(pause)
        attempt += 1


@contextmanager
def shown_progress(progress: bool | Progress) -> Iterator[Progress]:
    """How progress is told: not, by a function, or by a bar on standard error."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield lambda step, share: None
    else:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            tasks: dict[str, Any] = {}

            def tell(step: str, share: float) -> None:
                if step not in tasks:
                    tasks[step] = bar.add_task(step, total=1.0)
                bar.update(tasks[step], completed=share)

            yield tell
