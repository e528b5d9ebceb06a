"""A run of a store, and lines that are imported into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labelmetrics.store import Store, data_rows, imports, models
from labelmetrics.store.importing import read_part, take_part, understand
from labelmetrics.store.imports import Import


@dataclass
class Run:
    """A run of a store, with short ways to do what tests do all the time."""

    store: Store
    id: str

    @property
    def number(self) -> int:
        with self.store.read() as connection:
            return models.run_number(connection, self.id)

    def register(self, *global_keys: str, ids: Iterable[str] = ()) -> None:
        with self.store.write() as connection:
            data_rows.register(connection, self.id, global_keys=global_keys, ids=ids, create=True)

    def send(self, lines: Iterable[Any] | bytes, name: str = "import", kind: Any = "predictions") -> Import:
        """Note an import, without working through it."""
        content = lines if isinstance(lines, bytes) else "".join(json.dumps(line) + "\n" for line in lines).encode()
        digest = hashlib.sha256(content).hexdigest()
        (self.store.files / digest).write_bytes(content)
        with self.store.write() as connection:
            made, _ = imports.create(connection, self.id, name, kind, digest, digest, len(content))
        return made

    def take(self, sent: Import) -> Import:
        """Work through an import."""
        while sent.state == "RUNNING":
            with (self.store.files / sent.file).open("rb") as stream:
                part = read_part(stream, sent.bytes_done)
            with self.store.write() as connection:
                take_part(connection, sent, understand(sent, part))
                if part.is_last:
                    imports.finish(connection, sent)
                sent = self.again(sent, connection)
        return sent

    def again(self, sent: Import, connection: Any) -> Import:
        found = imports.by_id(connection, sent.id)
        assert found is not None
        return found

    def put(
        self, lines: Iterable[Any] | bytes, name: str = "import", kind: Any = "predictions"
    ) -> list[dict[str, Any]]:
        """Import lines, and give their statuses."""
        done = self.take(self.send(lines, name, kind))
        assert done.state == "FINISHED"
        with self.store.read() as connection:
            text = b"".join(imports.statuses(connection, done))
        statuses = [json.loads(line) for line in text.splitlines()]
        assert len(statuses) == done.lines
        assert sum(status["status"] == "FAILURE" for status in statuses) == done.failures
        return statuses


def new_run(store: Store) -> Run:
    with store.write() as connection:
        model = models.create_model(connection, "detector")
        made = models.create_run(connection, model.id, "first")
    return Run(store, made.id)
