"""A table that was backfilled, and stored documents to spoil: for the tests of both comparisons."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from bench.planted import Planter
from pg2es.core.config import Pipeline
from pg2es.core.drift import Comparison
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import pass_barrier
from tests import oracle
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder, connect

ROWS = 3_000  # several pages of a scan

Mark = dict[str, Any]
Compare = Callable[[Clients, Pipeline, Generation], Comparison]


class Compared:
    """A pipeline that was backfilled."""

    def __init__(self, folder: ProjectFolder, database: Database, pipeline: str, compare: Compare) -> None:
        self.database = database
        self.clients: Clients = folder.clients()
        self.pipeline: Pipeline = self.clients.project.pipeline(pipeline)
        self._compare = compare
        self.repair()
        self.generation: Generation = require_live_generation(self.clients.elasticsearch, self.pipeline)

    def compare(self) -> Comparison:
        return self._compare(self.clients, self.pipeline, self.generation)

    def check_equal(self) -> None:
        """Fail unless every document equals its row."""
        found = self.compare()
        assert found.clean, str(found)
        oracle.check(self.clients, self.pipeline, self.generation)

    def pass_barrier(self) -> None:
        pass_barrier(self.clients, self.pipeline, self.generation)

    def stored(self, identifier: str) -> str:
        """Return a document's line as it is stored."""
        return self._planter.read([identifier])[identifier]

    def store(self, identifier: str, source: str, **options: object) -> None:
        """Write a line as somebody else would, by default without a version."""
        self._planter.write({identifier: source}, **options)

    def change_mark(self, identifier: str, change: Callable[[Mark], Mark] | None) -> None:
        """Change the mark of a stored document, None: take it away."""
        document = json.loads(self.stored(identifier))
        mark = document.pop("_pg2es")
        marked = {"_pg2es": change(mark), **document} if change else document
        self.store(identifier, json.dumps(marked, separators=(",", ":")))

    def delete(self, *identifiers: int) -> None:
        """Delete documents as somebody else would."""
        self._planter.delete([str(identifier) for identifier in identifiers])

    @property
    def _planter(self) -> Planter:
        return Planter(self.clients.elasticsearch, self.generation.index)

    def repair(self) -> None:
        """Read everything again."""
        run_backfill(self.clients, self.pipeline)


def add_books(folder: ProjectFolder, database: Database, compare: Compare) -> Compared:
    """Make table and pipeline `books` with ROWS rows."""
    database.execute(
        "CREATE TABLE public.books (id bigint PRIMARY KEY, title text, pages integer)",
        f"INSERT INTO public.books SELECT n, 'title ' || n, NULLIF(n % 7, 0) FROM generate_series(1, {ROWS}) n",
    )
    folder.add_pipeline("books", "public.books")
    return Compared(folder, database, "books", compare)


@contextmanager
def keep_changing(database: Database) -> Iterator[None]:
    """Change, delete and insert books, of the first thirty and the last twenty, all the time."""
    stop, changing = Event(), Event()
    done = 0

    def write() -> None:
        nonlocal done
        with connect(database.name) as session:
            while not stop.wait(0.01):
                done += 1
                session.execute("UPDATE public.books SET title = %s WHERE id = %s", [f"edition {done}", done % 30 + 1])
                session.execute("DELETE FROM public.books WHERE id = %s", [ROWS - done % 20])
                session.execute("INSERT INTO public.books VALUES (%s, 'again', 1)", [ROWS - done % 20])
                changing.set()

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        try:
            assert changing.wait(timeout=60)
            before = done
            yield
            assert done > before, "nothing changed meanwhile"
        finally:
            stop.set()
        writing.result()
