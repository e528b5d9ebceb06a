"""Evaluations on a cluster: the tasks of :func:`labelmetrics.evaluate_files`, sent to dask.distributed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelmetrics.errors import SettingError
from labelmetrics.formats.storage import is_url
from labelmetrics.ranged import RangedEvaluation, evaluate_files

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster", "evaluate"]


class Cluster:
    """Runs tasks on the workers of a client.

    Parameters
    ----------
    client : distributed.Client
        Connected with the cluster.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield the results in the order of the tasks.

        The tasks of a worker that dies are done again by others; dask gives up one that killed several.
        """
        from distributed import as_completed, wait

        left = enumerate(tasks)
        numbers: dict[str, int] = {}
        found: dict[int, Future] = {}
        under_way = as_completed()

        def submit() -> None:
            # No task waits at a worker for another one: were that to kill the worker, both would be held guilty.
            room = max(sum(self._client.nthreads().values()), 1) - under_way.count()
            for number, task in islice(left, max(room, 0)):
                future = self._client.submit(function, *task, pure=False)
                numbers[future.key] = number
                under_way.add(future)

        turn = 0
        try:
            submit()
            for future in under_way:
                found[numbers[future.key]] = future
                if all(one.status == "finished" for one in found.values()):
                    submit()
                while turn in found:
                    yield found.pop(turn).result()
                    turn += 1
        finally:
            wait([*under_way.futures])  # whoever goes on after an error may remove what they write to
            self._client.cancel([*under_way.futures, *found.values()])


def evaluate(
    ground_truths: Any, predictions: Any, *, client: Client | str | None = None, **settings: Any
) -> RangedEvaluation:
    """Compare files of any size on a cluster; what is written does not depend on where, or by how many.

    Parameters
    ----------
    ground_truths, predictions : path or list of paths
        As for :func:`labelmetrics.evaluate_files`.
    client : distributed.Client or str, optional
        Client of a cluster, or the address of its scheduler (``"tcp://..."``). All workers must see the files, the
        outputs and ``tmp`` under the same names. A cluster of processes of this machine unless given.
    **settings
        As for :func:`labelmetrics.evaluate_files`; ``workers`` is the number of processes of this machine.

    Returns
    -------
    RangedEvaluation
        Summaries and manifest.

    Raises
    ------
    LabelmetricsError
        As :func:`labelmetrics.evaluate_files` does; a task that kills one worker after the other is named by its data
        rows.

    Examples
    --------
    >>> import tempfile
    >>> import labelmetrics as lm
    >>> from labelmetrics.distributed import evaluate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = lm.write_sample(folder, rows=5)
    ...     found = evaluate(files["ground_truth"], files["predictions"], data_rows=files["data_rows"], ranges=2,
    ...                      outputs=[f"{folder}/results.lmeval"], workers=1)
    >>> found.summary().data_rows
    5
    """
    sides = [_absolute(side) for side in (ground_truths, predictions)]
    with _connected(client, settings.pop("workers", None)) as connected:
        return evaluate_files(*sides, runner=Cluster(connected), **settings)


def _absolute(side: Any) -> list[str]:
    """Files of a side by names that also hold for workers with other working directories."""
    files = [side] if isinstance(side, str | Path) else side
    return [str(file) if is_url(file) else str(Path(file).absolute()) for file in files]


@contextmanager
def _connected(client: Client | str | None, workers: int | None) -> Iterator[Client]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ImportError("dask.distributed is not installed: pip install 'labelmetrics[dask]'") from error
    if isinstance(client, str):
        try:
            connected = Client(client)
        except (OSError, ValueError) as error:
            raise SettingError(f"{client}: there is no scheduler that answers: {error}") from error
        with connected:
            yield connected
    elif client is not None:
        yield client
    else:
        # Processes have the memory they need, as without a cluster: a limit would pause workers for ever.
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # workers print every error that they send
        )
        # A process that dies twice within this time is otherwise taken for one that never came back.
        with dask.config.set({"distributed.deploy.lost-worker-timeout": "1 d"}), cluster, Client(cluster) as connected:
            yield connected
