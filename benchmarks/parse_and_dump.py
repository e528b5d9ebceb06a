"""Files to metric lines, beside what nobody can do without: parsing the files, and writing JSON of ready-made objects.

The peer reads both files by ``pyarrow.json`` with an explicit schema, on all processors, and calls ``orjson.dumps`` for
each line of the output as a dict that is there already. It compares nothing, counts nothing and writes no file.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import generate
from benchmarks.measure import Report, Row, best_in_turn


def line_schema(with_confidence: bool) -> Any:
    """Schema of the generated lines."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    fields = [
        ("uuid", text),
        ("dataRow", pa.struct([("globalKey", text)])),
        ("name", text),
        ("bbox", pa.struct([(side, number) for side in ("top", "left", "height", "width")])),
    ]
    return pa.schema([*fields, ("confidence", number)] if with_confidence else fields)


def parse(files: tuple[Path, Path]) -> int:
    """Read both files; the number of their lines."""
    import pyarrow.json

    lines = 0
    for path, with_confidence in zip(files, (False, True), strict=True):
        table = pyarrow.json.read_json(
            path,
            read_options=pyarrow.json.ReadOptions(block_size=4 << 20),  # faster than 1 or 16 MiB
            parse_options=pyarrow.json.ParseOptions(explicit_schema=line_schema(with_confidence)),
        )
        lines += table.num_rows
    return lines


def run(*, rows: int | None = None, repeat: int = 3, confidences: int = 10) -> Report:
    """Compare on the COCO-like set, with confidence keys."""
    import orjson

    from labelmetrics import evaluate

    data = generate.coco_like(rows or 5_000)
    found, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = data.write(folder)
        output = Path(folder, "metrics.ndjson")
        n = parse(files)
        for name, level in (("default metrics", None), ("metrics of rows and features", ["data_row", "feature"])):

            def write(level: Any = level) -> int:
                output.unlink(missing_ok=True)  # file systems write a file out that takes the place of another
                evaluation = evaluate(*files, confidences=confidences, workers=2)
                return evaluation.write_ndjson(output, level=level, over_limit="keep").lines

            n_lines = write()
            with output.open("rb") as stream:
                lines = [orjson.loads(line) for line in stream]

            def dump(lines: list[Any] = lines) -> None:
                for line in lines:
                    orjson.dumps(line)

            ours, parsing, dumping = best_in_turn([write, lambda: parse(files), dump], repeat)
            agreed = f"{n:,} lines read, {n_lines:,} written"
            peer = "pyarrow.json and orjson.dumps"
            found.append(Row(f"{name}, {confidences} keys", ours, peer, parsing.plus(dumping), agreed, at_most=2))
            notes.append(f"{name}: parsing {parsing.wall * 1000:.0f} ms, dumping {dumping.wall * 1000:.0f} ms.")
    return Report("files to lines beside parsing and dumping", found, notes)
