"""Comparison of every root: finds what was planted, and nothing else."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pg2es.adapters.documents import fetch_documents
from pg2es.adapters.elasticsearch import post_raw
from pg2es.core.drift import Comparison, Drift
from pg2es.core.pipeline import Pipeline
from pg2es.services import compare as service
from pg2es.services.barrier import pass_barrier
from pg2es.services.clients import Clients
from pg2es.services.compare import compare
from pg2es.services.generations import Generation, require_live_generation
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder, connect

ROWS = 3_000  # several pages of a scan


@pytest.fixture(scope="module")
def compared(module_folder: tuple[ProjectFolder, Database]) -> "Compared":
    """A pipeline that was backfilled."""
    folder, database = module_folder
    database.execute(
        "CREATE TABLE public.books (id bigint PRIMARY KEY, title text, pages integer)",
        f"INSERT INTO public.books SELECT n, 'title ' || n, NULLIF(n % 7, 0) FROM generate_series(1, {ROWS}) n",
    )
    folder.add_pipeline("books", "public.books")
    return Compared(folder, database)


class Compared:
    """The pipeline `books`, with stored documents to spoil."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        self.database = database
        self.clients: Clients = folder.clients()
        self.pipeline: Pipeline = self.clients.project.pipeline("books")
        run_backfill(self.clients, self.pipeline)
        self.generation: Generation = require_live_generation(self.clients.elasticsearch, self.pipeline)

    def compare(self) -> Comparison:
        return compare(self.clients, self.pipeline, self.generation)

    def pass_barrier(self) -> None:
        pass_barrier(self.clients, self.pipeline, self.generation)

    def stored(self, identifier: str) -> str:
        """Return a document's line as it is stored."""
        return fetch_documents(self.clients.elasticsearch, self.generation.index, [identifier])[identifier].decode()

    def store(self, identifier: str, source: str) -> None:
        """Write a line as somebody else would, without a version."""
        self._send(f'{{"index":{{"_id":"{identifier}"}}}}\n{source}\n')

    def delete(self, *identifiers: int) -> None:
        """Delete documents as somebody else would."""
        self._send("".join(f'{{"delete":{{"_id":"{identifier}"}}}}\n' for identifier in identifiers))

    def _send(self, lines: str) -> None:
        path = f"/{self.generation.index}/_bulk"
        answer = post_raw(self.clients.elasticsearch, path, lines.encode(), "spoiling", "application/x-ndjson")
        assert not json.loads(answer)["errors"]

    def repair(self) -> None:
        """Read everything again."""
        run_backfill(self.clients, self.pipeline)


def test_what_was_planted_is_found_and_nothing_else(compared: Compared) -> None:
    clean = compared.compare()
    assert clean.clean
    assert clean.equal == ROWS

    compared.delete(1)
    old = compared.stored("2")
    compared.database.execute("UPDATE public.books SET pages = 1000 WHERE id = 2")
    compared.pass_barrier()
    compared.store("2", old)
    compared.store("90001", compared.stored("3"))  # intact, but of no row
    compared.store("4", compared.stored("4").replace("title 4", "Title 4"))
    without_mark = json.loads(compared.stored("5"))
    del without_mark["_pg2es"]
    compared.store("5", json.dumps(without_mark, separators=(",", ":")))
    compared.store("90002", '{"id":90002}')  # somebody's own document
    moved = json.loads(compared.stored("6"))
    moved["_pg2es"]["bucket"] ^= 1
    compared.store("6", json.dumps(moved, separators=(",", ":")))
    compared.store("7", compared.stored("7").replace('"title 7"', '"title 7" '))  # the same value in other bytes

    found = compared.compare()
    assert {kind: sorted(ids) for kind, ids in found.samples.items()} == {
        Drift.MISSING: ["1"],
        Drift.STALE: ["2", "6"],
        Drift.EXTRA: ["90001"],
        Drift.ALTERED: ["4", "5", "7", "90002"],
    }
    assert found.counts == {kind: len(ids) for kind, ids in found.samples.items()}
    assert found.equal == ROWS - 6
    assert found.in_flight == 0

    compared.repair()
    assert compared.compare().clean


def test_drift_at_large_is_counted(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "JUDGED", 5)
    monkeypatch.setattr(service, "SAMPLE", 4)
    compared.delete(*range(101, 201))
    found = compared.compare()
    assert (found.counts[Drift.MISSING], found.drifted, found.equal) == (100, 100, ROWS - 100)
    assert len(found.samples[Drift.MISSING]) == 4
    compared.repair()


def test_changes_on_their_way_are_no_drift(compared: Compared) -> None:
    stop = Event()

    def write() -> int:
        done = 0
        with connect(compared.database.name) as session:
            while not stop.is_set():
                done += 1
                stop.wait(0.01)
                session.execute("UPDATE public.books SET title = %s WHERE id = %s", [f"edition {done}", done % 30 + 1])
                session.execute("DELETE FROM public.books WHERE id = %s", [ROWS - done % 20])
                session.execute("INSERT INTO public.books VALUES (%s, 'again', 1)", [ROWS - done % 20])
        return done

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        try:
            found = compared.compare()
        finally:
            stop.set()
        assert writing.result() > 100
    assert found.drifted == 0, found.samples
    assert found.equal >= ROWS - 60
    quiet = compared.compare()
    assert (quiet.clean, quiet.equal) == (True, ROWS)
