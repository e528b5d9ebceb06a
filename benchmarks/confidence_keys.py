"""Ten confidence keys beside none."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import columns_to_counts, files_to_lines, generate
from benchmarks.measure import Disagreement, Report, Row, best, check_equal, values_of

AT_MOST = 3.0


def run(*, rows: int | None = None, repeat: int = 3) -> Report:
    """Compare the times, and the values at the lowest key with those without keys."""
    data = generate.coco_like(rows or 5_000)
    with tempfile.TemporaryDirectory() as folder:
        files = data.write(folder)
        plain, keyed = Path(folder, "plain.ndjson"), Path(folder, "keyed.ndjson")
        plain_seconds, _ = best(lambda: files_to_lines.write_metrics(*files, plain), repeat)
        keyed_seconds, _ = best(lambda: files_to_lines.write_metrics(*files, keyed, confidences=10), repeat)
        # Nothing lies below the lowest key, so there all predictions take part.
        lowest = {key: value["0.0"] for key, value in values_of(keyed).items() if "0.0" in value}
        everything = values_of(plain)
        missing = [key for key in everything.keys() - lowest.keys() if isinstance(everything[key], list)]
        if missing:
            raise Disagreement(f"no matrix with keys for {missing[:3]}")
        agreed = check_equal({key: everything[key] for key in lowest}, lowest)
    sides = [columns_to_counts.columns_of(side, data.rows, data.features) for side in data[:2]]
    report = [Row("files to lines, 10 keys", keyed_seconds, "none", plain_seconds, agreed, at_most=AT_MOST)]
    for matching in ("platform", "coco"):
        none, one = best(lambda matching=matching: columns_to_counts.count(*sides, matching), repeat)
        ten, other = best(
            lambda matching=matching: columns_to_counts.count(*sides, matching, columns_to_counts.KEYS), repeat
        )
        for level in (0, 1):
            if not np.array_equal(one.tp[:, 0], other.tp[:, level]):
                raise Disagreement("counts without keys are not those at the lowest key")
        agreed = f"{one.tp[0, 0].sum():,} TP at the lowest key"
        work = f'columns to counts, 10 keys, matching="{matching}"'
        report.append(Row(work, ten, "none", none, agreed, at_most=AT_MOST))
    return Report("ten confidence keys beside none", report)
