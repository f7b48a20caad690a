"""Who changes notes and authors while a test goes on, and knows what was committed.

Notes are of three kinds: `stable` ones never change (but their authors do), `kept` ones are inserted and stay, `brief`
ones come and go. No statement names a column that a test alters.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Self

import psycopg
from psycopg.rows import TupleRow

from tests.support import Database, connect

STABLE = 4000
AUTHORS = 400
SCHEMA = (
    "CREATE TABLE public.authors (id bigint PRIMARY KEY, name text NOT NULL)",
    """CREATE TABLE public.notes (
        id bigint PRIMARY KEY, code text NOT NULL UNIQUE, kind text NOT NULL, title text NOT NULL,
        author_id bigint NOT NULL REFERENCES public.authors, amount integer NOT NULL DEFAULT 7,
        body text DEFAULT 'body')""",
    "CREATE INDEX ON public.notes (author_id)",
    f"INSERT INTO public.authors SELECT n, 'author ' || n FROM generate_series(1, {AUTHORS}) n",
    f"""INSERT INTO public.notes (id, code, kind, title, author_id)
        SELECT n, 'note-' || n, 'stable', 'Title of ' || n, 1 + n % {AUTHORS} FROM generate_series(1, {STABLE}) n""",
)
_INSERT = "INSERT INTO public.notes (id, code, kind, title, author_id) VALUES (%s, %s, %s, %s, %s)"
_DELETE = "DELETE FROM public.notes WHERE id = %s"

Connection = psycopg.Connection[TupleRow]


class Writers:
    """Threads that write until they are left. Each has ids of its own; an error ends the test, in `check`."""

    def __init__(self, database: Database, *, count: int = 3, pause_s: float = 0.1) -> None:
        self._database = database
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="writer")
        self._running: list[Future[None]] = []
        with connect(database.name) as session:
            [[top]] = session.execute("SELECT max(id) FROM public.notes").fetchall()
        self._writers = [_Writer(number, count, top + 1, pause_s) for number in range(count)]

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(writer.run, self._database, self._stop) for writer in self._writers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown()

    @property
    def kept(self) -> int:
        """How many notes were inserted, acknowledged, and will stay."""
        return sum(len(writer.kept) for writer in self._writers)

    @property
    def changes(self) -> int:
        """How many transactions were acknowledged."""
        return sum(writer.changes for writer in self._writers)

    def check(self) -> None:
        """Raise what ended a writer; fail unless the database has exactly the rows whose insert was acknowledged."""
        for future in self._running:
            if future.done():
                future.result()
        first = min(writer.first for writer in self._writers)
        found = {row[0] for row in self._database.fetch(f"SELECT id FROM public.notes WHERE id >= {first}")}
        assert found == {note for writer in self._writers for note in (*writer.kept, *writer.brief)}


class _Writer:
    """One of them."""

    def __init__(self, number: int, count: int, first: int, pause_s: float) -> None:
        self.first = first
        self.kept: list[int] = []
        self.brief: list[int] = []
        self.changes = 0
        self._next = first + number
        self._step = count
        self._pause_s = pause_s
        self._random = Random(number)

    def run(self, database: Database, stop: threading.Event) -> None:
        with connect(database.name) as session:
            while not stop.wait(self._pause_s):
                self._change(session)
                self.changes += 1

    def _change(self, session: Connection) -> None:
        random = self._random
        if len(self.brief) < 20:
            return self._insert(session, self.brief, "brief")
        [change] = random.choices(
            (self._insert_kept, self._insert_brief, self._delete, self._update, self._rename_author, self._replace),
            weights=(2, 4, 4, 6, 3, 2),
        )
        return change(session)

    def _insert_kept(self, session: Connection) -> None:
        self._insert(session, self.kept, "kept")

    def _insert_brief(self, session: Connection) -> None:
        self._insert(session, self.brief, "brief")

    def _insert(self, session: Connection, log: list[int], kind: str) -> None:
        note = self._next
        session.execute(_INSERT, [note, f"note-{note}", kind, f"Title of {note}", self._author()])
        self._next += self._step
        log.append(note)

    def _delete(self, session: Connection) -> None:
        note = self._random.choice(self.brief)
        session.execute(_DELETE, [note])
        self.brief.remove(note)

    def _update(self, session: Connection) -> None:
        """Change title, code and author of a note, one or more of them."""
        note = self._random.choice([*self.brief, *self.kept])
        changed = f"UPDATE public.notes SET {self._random.choice(('title', 'code'))} = %s, author_id = %s WHERE id = %s"
        session.execute(changed.encode(), [f"note-{note}-{self.changes}", self._author(), note])

    def _replace(self, session: Connection) -> None:
        """Delete a note and insert it again, in one transaction."""
        note = self._random.choice(self.brief)
        with session.transaction():
            session.execute(_DELETE, [note])
            session.execute(_INSERT, [note, f"note-{note}-again", "brief", f"Title of {note}", self._author()])

    def _rename_author(self, session: Connection) -> None:
        author = self._author()
        session.execute("UPDATE public.authors SET name = %s WHERE id = %s", [f"{self.changes} {author}", author])

    def _author(self) -> int:
        return self._random.randint(1, AUTHORS)
