"""Streaming metrics beside eager Keras on NumPy, TorchMetrics and bare NumPy, on the same batches.

Each comparison takes in the same batch again and again, and reads the result once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import Disagreement, Report, Row, Time, best

NUMPY_AT_MOST = 1.5
"""What bare NumPy, which checks nothing and keeps no state, may be faster by on large batches."""


SLOW = 20
"""Keras and TorchMetrics take in this many times fewer batches, and their times are scaled."""


class Work(NamedTuple):
    """One kind of batch: how it is drawn, and what takes it in."""

    title: str
    size: int
    """Rows of a batch."""
    batches: int
    draw: Callable[[np.random.Generator, int], tuple[Any, Any]]
    ours: Callable[[Any], list[Any]]
    """Metrics of a module that has Keras' names."""
    torch: Callable[[Any], list[Any]]
    numpy: Callable[[Any, Any], Any]
    at_least: float
    """How many times as fast as Keras."""
    numpy_at_most: float | None = NUMPY_AT_MOST
    """How many times as long as bare NumPy; batches of a few rows are a matter of overhead."""
    near: float = 1e-5
    """Difference of results that is none."""
    torch_near: float = 1e-5
    keras_labels: Callable[[Any], Any] = lambda labels: labels


def scores(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    guess = rng.random(n, dtype=np.float32)
    return (rng.random(n) < guess).astype(np.float32), guess


def maps(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    shape = (n, 512, 512)
    truth = rng.integers(0, 21, shape)
    return truth, np.where(rng.random(shape) < 0.2, rng.integers(0, 21, shape), truth)


def classes(rng: np.random.Generator, n: int, of: int) -> tuple[Any, Any]:
    return rng.integers(0, of, n), rng.random((n, of), dtype=np.float32)


def numpy_auc(truth: Any, guess: Any) -> float:
    bucket = np.ceil(guess * np.float32(199)).astype(np.intp)
    bucket += (truth == 1) * 200
    return np.bincount(bucket, minlength=400)


def numpy_thresholds(truth: Any, guess: Any) -> Any:
    above, positive = guess > 0.5, truth == 1
    return (
        np.count_nonzero(above & positive),
        np.count_nonzero(above),
        np.count_nonzero(positive),
        numpy_auc(truth, guess),
    )


def numpy_iou(truth: Any, guess: Any) -> Any:
    return np.bincount(truth.ravel() * 21 + guess.ravel(), minlength=441)


def numpy_f1(truth: Any, guess: Any) -> Any:
    best_class = guess.argmax(axis=1)
    return [np.bincount(one, minlength=100) for one in (truth[truth == best_class], best_class, truth)]


def numpy_top_5(truth: Any, guess: Any) -> Any:
    return np.count_nonzero((guess > guess[np.arange(len(guess)), truth][:, None]).sum(axis=1) < 5)


def eight(module: Any) -> list[Any]:
    plain = ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall")
    return [*(getattr(module, name)() for name in plain), module.AUC(), module.PrecisionAtRecall(0.5)]


def torch_eight(module: Any) -> list[Any]:
    kinds = module.classification
    return [
        kinds.BinaryStatScores(),
        kinds.BinaryPrecision(),
        kinds.BinaryRecall(),
        kinds.BinaryAUROC(thresholds=200),
        kinds.BinaryPrecisionAtFixedRecall(0.5, thresholds=200),
    ]


WORKS = {
    "auc": Work(
        "AUC of 200 thresholds, 8,192 scores",
        8192,
        1000,
        scores,
        lambda module: [module.AUC()],
        lambda module: [module.classification.BinaryAUROC(thresholds=200)],
        numpy_auc,
        12,
        torch_near=0.005,  # its thresholds are others
    ),
    "mean-iou": Work(
        "mean IoU of 21 classes, 8 maps of 512 x 512",
        8,
        3,
        maps,
        lambda module: [module.MeanIoU(21)],
        lambda module: [module.classification.MulticlassJaccardIndex(21)],
        numpy_iou,
        9,
    ),
    "f1": Work(
        "macro F1 of class numbers, 8,192 rows of 100 scores",
        8192,
        20,
        lambda rng, n: classes(rng, n, 100),
        lambda module: [module.F1Score("macro")],
        lambda module: [module.classification.MulticlassF1Score(100)],
        numpy_f1,
        3,
        near=1e-4,
        torch_near=1e-2,  # classes that never occur, in tiny runs, are left out of its mean
        keras_labels=lambda labels: np.eye(100, dtype=np.float32)[labels],
    ),
    "top-5": Work(
        "top 5 of 1,000 classes, 1,024 rows",
        1024,
        20,
        lambda rng, n: classes(rng, n, 1000),
        lambda module: [module.SparseTopKCategoricalAccuracy(5)],
        lambda module: [module.classification.MulticlassAccuracy(1000, top_k=5, average="micro")],
        numpy_top_5,
        3,
    ),
    "binary-accuracy": Work(
        "binary accuracy, 32 scores",
        32,
        3000,
        scores,
        lambda module: [module.BinaryAccuracy()],
        lambda module: [module.classification.BinaryAccuracy()],
        lambda truth, guess: np.count_nonzero((guess > 0.5) == truth),
        12,
        numpy_at_most=None,
    ),
    "eight": Work(
        "eight metrics of thresholds on one stream, 8,192 scores",
        8192,
        500,
        scores,
        eight,
        torch_eight,
        numpy_thresholds,
        30,
    ),
}


def run(name: str, *, rows: int | None = None, repeat: int = 5) -> Report:
    """Compare one kind of batch; ``rows`` makes it smaller."""
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    import keras
    import torch
    import torchmetrics

    from labelmetrics import streaming

    work = WORKS[name]
    n, batches = (work.size, work.batches) if rows is None else (min(rows, work.size), 2)
    truth, guess = work.draw(np.random.default_rng(0), n)
    ours = streaming.MetricCollection(work.ours(streaming))
    bare_time = ours_time = Time(float("inf"), float("inf"))
    for _ in range(repeat):  # in turns, since what else the machine does changes
        one, found = best(lambda: _take(ours, batches, truth, guess), 1)
        two, _ = best(lambda: _repeat(work.numpy, batches, truth, guess), 1)
        ours_time, bare_time = ours_time.least(one), bare_time.least(two)
    values = list(found.values())
    keras_metrics, labels = work.ours(keras.metrics), work.keras_labels(truth)
    fewer = max(1, batches // SLOW)
    keras_time, theirs = best(lambda: _take_all(keras_metrics, fewer, labels, guess), min(repeat, 3))
    if fewer < batches:
        is_count = [type(metric).__name__.startswith(("True", "False")) for metric in keras_metrics]
        theirs = [value * batches / fewer if one else value for value, one in zip(theirs, is_count, strict=True)]
    if not np.allclose(values, theirs, rtol=work.near, atol=work.near):
        raise Disagreement(f"{values} here and {theirs} in Keras")
    agreed = ", ".join(f"{value:,.4g}" for value in values)
    what = f"{work.title}, {batches:,} times"
    table = [Row(what, ours_time, "Keras on NumPy", keras_time.times(batches / fewer), agreed, at_least=work.at_least)]
    tensors = torch.from_numpy(guess), torch.from_numpy(truth.astype(np.int64))
    torch_metrics = torchmetrics.MetricCollection(work.torch(torchmetrics))
    torch_time, theirs = best(lambda: _take_torch(torch_metrics, fewer, *tensors), 1)
    if len(values) == 1 and not np.allclose(values, theirs, rtol=work.torch_near, atol=work.torch_near):
        raise Disagreement(f"{values} here and {theirs} in TorchMetrics")
    table.append(
        Row(
            what,
            ours_time,
            "TorchMetrics",
            torch_time.times(batches / fewer),
            agreed if len(values) == 1 else "batches only",
        )
    )
    table.append(Row(what, ours_time, "bare NumPy", bare_time, "batches only", at_most=work.numpy_at_most))
    note = (
        f"Keras and TorchMetrics take in {fewer} batches, and their times are scaled. Bare NumPy checks and keeps "
        "nothing; where there is a target, the ratio is our time by its."
    )
    return Report(f"streaming: {name}", table, [note])


def _take(metrics: Any, batches: int, truth: Any, guess: Any) -> Any:
    metrics.reset_state()
    for _ in range(batches):
        metrics.update_state(truth, guess)
    return metrics.result()


def _take_all(metrics: list[Any], batches: int, truth: Any, guess: Any) -> list[float]:
    for metric in metrics:
        metric.reset_state()
    for _ in range(batches):
        for metric in metrics:
            metric.update_state(truth, guess)
    return [float(metric.result()) for metric in metrics]


def _take_torch(metrics: Any, batches: int, guess: Any, truth: Any) -> list[Any]:
    metrics.reset()
    for _ in range(batches):
        metrics.update(guess, truth)
    return [np.asarray(value) for value in metrics.compute().values()] if len(metrics) == 1 else metrics.compute()


def _repeat(function: Callable[[Any, Any], Any], batches: int, truth: Any, guess: Any) -> None:
    for _ in range(batches):
        function(truth, guess)


def run_exact(*, rows: int | None = None, repeat: int = 3) -> Report:
    """The exact area of ten million scores, beside scikit-learn's."""
    from sklearn.metrics import roc_auc_score

    from labelmetrics import streaming

    n = rows or 10_000_000
    rng = np.random.default_rng(0)
    guess = rng.beta(0.5, 3, n).astype(np.float32)
    truth = rng.random(n) < guess
    truth[:2] = False, True
    metric = streaming.AUC(exact=True)
    ours, found = best(lambda: _take(metric, 1, truth, guess), repeat)
    peer, wanted = best(lambda: roc_auc_score(truth, guess), 1)
    if abs(found - wanted) > (2e-5 if rows is None else 0.05):
        raise Disagreement(f"{found} here and {wanted} there")
    row = Row(
        f"exact AUC of {n:,} scores", ours, "scikit-learn", peer, f"{found:.6f}, {abs(found - wanted):.1g} apart", 10
    )
    return Report("streaming: exact-auc", [row])
