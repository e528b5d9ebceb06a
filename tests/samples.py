"""Lines of kinds that the sample dataset has none of."""

from __future__ import annotations


def more_lines(rows: int, shift: float, scored: bool) -> list[dict]:
    """What the sample has none of: points, lines, pages, messages, text selections, videos; with ties."""
    found: list[dict] = []

    def add(row: str, name: str, **fields: object) -> None:
        confidence = {"confidence": round((len(found) * 7 % 10) / 10, 1)} if scored else {}
        found.append({"uuid": f"u{len(found)}", "dataRow": {"globalKey": row}, "name": name, **fields, **confidence})

    for index in range(rows):
        row = f"more-{index}"
        for copy in range(3):
            x = shift + 3 * copy
            add(row, "corner", point={"x": x, "y": index})
            add(row, "kerb", line=[{"x": x, "y": 0}, {"x": x + 40, "y": index}])
            box = {"top": 0, "left": 10 * copy + shift, "height": 10, "width": 10}
            add(row, "table", bbox=box, page=1 + copy % 2, unit="POINTS")
            add(row, "person", location={"start": 5 * copy, "end": 5 * copy + 4}, messageId=f"m{copy % 2}")
            tokens = [{"tokenIds": [f"t{copy}", f"t{copy + int(shift)}"], "groupId": "g", "page": 1}]
            add(row, "title", textSelections=tokens)
            keyframes = [{"frame": frame, "bbox": box} for frame in (1, 4)]
            found.append(
                {
                    "uuid": f"v{len(found)}",
                    "dataRow": {"globalKey": row},
                    "name": "runner",
                    "segments": [{"keyframes": keyframes}],
                }
            )
        answer = {"name": "fast" if index % 2 else "slow"}
        found.append(
            {
                "uuid": f"w{len(found)}",
                "dataRow": {"globalKey": row},
                "name": "pace",
                "answer": answer,
                "frames": [{"start": 1, "end": 3}],
            }
        )
    return found
