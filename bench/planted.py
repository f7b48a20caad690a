"""Drift that is planted into an index, behind the back of pg2es: what a reconciliation has to find."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pg2es.adapters.elasticsearch import Client, fetch_documents, post_raw
from pg2es.core.batches import in_batches
from pg2es.core.drift import Comparison, Drift

AT_ONCE = 500


@dataclass(frozen=True)
class Planter:
    """Spoils documents of one index."""

    client: Client
    index: str

    def read(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the lines of these documents."""
        found: dict[str, str] = {}
        for part in in_batches(ids, AT_ONCE):
            documents = fetch_documents(self.client, self.index, part)
            found |= {identifier: document.source.decode() for identifier, document in documents.items()}
        return found

    def delete(self, ids: Sequence[str]) -> None:
        """Make documents missing."""
        self._send([json.dumps({"delete": {"_id": identifier}}) for identifier in ids])

    def write(self, documents: dict[str, str], **options: object) -> None:
        """Write lines as somebody else would: of an earlier state, of no row, or changed. `options` of each action."""
        self._send([f"{json.dumps({'index': {'_id': key, **options}})}\n{line}" for key, line in documents.items()])

    def plant(
        self, ids: Mapping[Drift, Sequence[str]], change_rows: Callable[[], object], alter: tuple[str, str]
    ) -> None:
        """Plant drift of every kind.

        `change_rows` changes the rows of the stale ones and returns when the index has that; `alter` is what is
        replaced in the altered ones, and by what.
        """
        old = self.read(ids[Drift.STALE])
        change_rows()
        self.write(old)
        self.write(dict(zip(ids[Drift.EXTRA], old.values(), strict=True)))
        self.delete(ids[Drift.MISSING])
        self.write({key: line.replace(*alter) for key, line in self.read(ids[Drift.ALTERED]).items()})

    def _send(self, actions: list[str]) -> None:
        for part in in_batches(actions, AT_ONCE):
            lines = "".join(f"{action}\n" for action in part).encode()
            answer = post_raw(self.client, f"/{self.index}/_bulk", lines, "planting drift", "application/x-ndjson")
            if json.loads(answer)["errors"]:
                raise RuntimeError(f"not everything was planted: {answer[:500]!r}")


def ids_of(found: Comparison) -> dict[Drift, set[str]]:
    """Return what was found, to be compared with what was planted."""
    return {kind: set(ids) for kind, ids in found.ids.items()}
