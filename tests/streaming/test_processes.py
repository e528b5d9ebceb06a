"""Several processes give what one gives: counts bit by bit, sums of floats to one unit in the last place."""

from __future__ import annotations

import math
import multiprocessing
import socket
from multiprocessing.pool import Pool
from typing import Any

import numpy as np
import pytest

from labelmetrics import streaming

WORKERS = 4
spawned = multiprocessing.get_context("spawn")


def make() -> streaming.MetricCollection:
    metrics = [
        streaming.AUC(),
        streaming.PrecisionAtRecall(0.5),
        streaming.Recall(),
        streaming.AUC(exact=True, name="exact"),
        streaming.BinaryAccuracy(),
        streaming.BinaryCrossentropy(),
        streaming.MeanSquaredError(),
        streaming.BinaryIoU(),
        streaming.R2Score(),
    ]
    return streaming.MetricCollection(metrics)


def batch(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    scores = rng.random(100 + n)
    return rng.random(len(scores)) < scores, scores


def seen(numbers: list[int]) -> streaming.MetricCollection:
    metrics = make()
    for n in numbers:
        metrics.update_state(*batch(n))
    return metrics


def shares() -> list[list[int]]:
    """Batches of each worker; the last has none."""
    return [list(range(n, 10, WORKERS - 1)) for n in range(WORKERS - 1)] + [[]]


def check(state: dict[str, Any], results: dict[str, Any]) -> None:
    one = seen(list(range(10)))
    wanted = one.state_dict()
    for name, array in wanted.items():
        if array.dtype == np.int64:
            np.testing.assert_array_equal(state[name], array)
            assert state[name].dtype == np.int64
        elif name.endswith("total"):
            assert abs(state[name] - array) <= math.ulp(array)
        elif not name.endswith("low"):
            np.testing.assert_allclose(state[name], array, rtol=1e-14)
    for name, value in one.result().items():
        assert abs(results[name] - value) <= (1e-14 if name == "r2_score" else math.ulp(value)), name


def test_multiprocessing() -> None:
    with Pool(WORKERS, context=spawned) as pool:
        parts = pool.map(seen, shares())
    merged = make()
    merged.merge_state(parts)
    check(merged.state_dict(), merged.result())


def rank(number: int, port: int, answers: Any) -> None:
    from datetime import timedelta

    import torch.distributed as dist

    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", address, timedelta(seconds=60), WORKERS, number)
    try:
        metrics = seen(shares()[number])
        alone = metrics.state_dict()
        results = metrics.result()
        assert repr(metrics.state_dict()) == repr(alone)  # as it was
        assert metrics.result() == results
        single = streaming.Mean()
        single.update_state([float(number)])
        gathered = streaming.Mean(sync_on_compute=False)
        gathered.update_state([float(number)])
        with metrics["auc"].synced():
            state = metrics["auc"].state_dict()
        answers.put((number, results, state, single.result(), gathered.result()))
        dist.barrier()
    finally:
        dist.destroy_process_group()


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def ranks(answers: Any) -> None:
    """In a process of its own: load torch once, and fork."""
    import torch.distributed  # noqa: F401

    forked, port = multiprocessing.get_context("fork"), free_port()
    processes = [forked.Process(target=rank, args=(n, port, answers)) for n in range(WORKERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    raise SystemExit(sum(process.exitcode != 0 for process in processes))


def test_torch_distributed() -> None:
    pytest.importorskip("torch.distributed")
    answers = spawned.Queue()
    parent = spawned.Process(target=ranks, args=(answers,))
    parent.start()
    found = sorted((answers.get(timeout=120) for _ in range(WORKERS)), key=lambda answer: answer[0])
    parent.join(60)
    assert parent.exitcode == 0
    one = seen(list(range(10)))
    for number, results, state, mean, own in found:
        check(one.state_dict(), results)
        np.testing.assert_array_equal(state["histogram"], one["auc"].state_dict()["histogram"])
        assert mean == 1.5
        assert own == number
