"""Who changes rows while faults strike, and writes down, outside PostgreSQL, what was acknowledged to it.

Each writer has notes of its own, and one renames authors. A statement whose connection was lost before the answer may
have been committed or not: both are right, until the rows are read.
"""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from pg2es.services.waiting import wait_for
from tests.support import Database, connect

AUTHORS = 20
NOTES = 30_000
SCHEMA = (
    "CREATE TABLE public.authors (id bigint PRIMARY KEY, name text NOT NULL)",
    """CREATE TABLE public.notes (
        id bigint PRIMARY KEY, title text NOT NULL, author_id bigint NOT NULL REFERENCES public.authors, body text)""",
    "CREATE INDEX ON public.notes (author_id)",
    f"INSERT INTO public.authors SELECT n, 'author ' || n FROM generate_series(1, {AUTHORS}) n",
    f"""INSERT INTO public.notes
        SELECT n, 'title ' || n, 1 + n % {AUTHORS}, repeat(md5(n::text), 8) FROM generate_series(1, {NOTES}) n""",
    "VACUUM (ANALYZE) public.notes",
)
WRITERS = 3
SESSION: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 5_000,
    "options": "-c idle_in_transaction_session_timeout=5s -c tcp_user_timeout=5000",
}
"""What an application sets that outlives faults of the network: neither end believes in a dead connection for long."""
PAUSE_S = 0.05
RENAMES = 0.005
"""Of an author's turns those in which one is renamed: about every ten seconds, for each changes 1,500 documents."""
AGAIN_S = 0.3
PATIENCE_S = 60
FEW = 20
"""Notes that a writer keeps at least."""

Session = psycopg.Connection[TupleRow]
Statement = tuple[str, list[Any]]

State = str | None
"""A note's title, an author's name; None: there is no such row."""


@dataclass
class Ledger:
    """What was acknowledged: of each note and author the state, and of those in doubt the other state that may be."""

    notes: dict[int, State] = field(default_factory=dict)
    authors: dict[int, State] = field(default_factory=dict)
    doubts: dict[tuple[str, int], State] = field(default_factory=dict)
    committed: int = 0
    lost: int = 0
    """Connections that were lost."""

    def await_commits(self, count: int = 300) -> None:
        """Wait until so many more are acknowledged."""
        before = self.committed
        wait_for(
            lambda: self.committed >= before + count,
            timeout_s=PATIENCE_S,
            on_timeout=lambda: AssertionError(f"{self.committed - before} commits, not {count}: who writes?"),
        )

    def check(self, table: str, found: Mapping[int, str]) -> None:
        """Fail unless what was found, a title by note or a name by author, is what was acknowledged."""
        kept: dict[int, State] = getattr(self, table)
        wrong = [
            f"{table} {number}: {found.get(number)} instead of {state}"
            for number, state in kept.items()
            if found.get(number) not in (state, self.doubts.get((table, number), state))
        ]
        assert not wrong, f"{len(wrong)} acknowledged commits are gone, {wrong[:5]}"


@contextmanager
def writing(database: Database, seed: int = 0) -> Iterator[Ledger]:
    """Change rows all the time, whoever loses the connection makes a new one; give what was acknowledged."""
    ledger, stop = Ledger(), threading.Event()
    with connect(database.name) as session:
        [[top]] = session.execute("SELECT max(id) FROM public.notes").fetchall()
    writers = [_NoteWriter(ledger, Random(f"{seed} {number}"), top + 1 + number) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS + 1, thread_name_prefix="writer") as pool:
        running: list[Future[None]] = [
            pool.submit(writer.run, database, stop) for writer in (*writers, _AuthorWriter(ledger, Random(seed)))
        ]
        try:
            yield ledger
        finally:
            stop.set()
        for future in running:
            future.result()


class _Writer:
    """Changes one row after the other."""

    table: str

    def __init__(self, ledger: Ledger, random: Random) -> None:
        self._ledger = ledger
        self._random = random
        self._changes = 0

    def run(self, database: Database, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with connect(database.name, **SESSION) as session:
                    while not stop.wait(PAUSE_S):
                        self.change(session)
            except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout):
                self._ledger.lost += 1
                stop.wait(AGAIN_S)

    def change(self, session: Session) -> None:
        raise NotImplementedError

    def commit(
        self,
        session: Session,
        number: int,
        after: State,
        *statements: Statement,
    ) -> None:
        """Run statements in one transaction, after which a row has a state; write down what became of it."""
        kept: dict[int, State] = getattr(self._ledger, self.table)
        doubt = (self.table, number)
        self._ledger.doubts[doubt] = after
        with session.transaction():
            for statement, parameters in statements:
                session.execute(statement.encode(), parameters)
        kept[number] = after
        del self._ledger.doubts[doubt]
        self._ledger.committed += 1
        self._changes += 1


class _NoteWriter(_Writer):
    """Inserts, changes, deletes and replaces notes of its own."""

    table = "notes"

    def __init__(self, ledger: Ledger, random: Random, first: int) -> None:
        super().__init__(ledger, random)
        self._next = first
        self._living: list[int] = []

    def change(self, session: Session) -> None:
        kind = (
            self._random.choice(("insert", "update", "update", "delete", "replace"))
            if len(self._living) > FEW
            else "insert"
        )
        if kind == "insert":
            number, self._next = self._next, self._next + WRITERS
        else:
            number = self._living.pop(self._random.randrange(len(self._living)))
        title = None if kind == "delete" else f"{kind} {self._changes} of {number}"
        author = self._random.randint(1, AUTHORS)
        delete: Statement = ("DELETE FROM public.notes WHERE id = %s", [number])
        insert: Statement = (
            "INSERT INTO public.notes (id, title, author_id) VALUES (%s, %s, %s)",
            [number, title, author],
        )
        update: Statement = (
            "UPDATE public.notes SET title = %s, author_id = %s WHERE id = %s",
            [title, author, number],
        )
        statements = {"insert": (insert,), "update": (update,), "delete": (delete,), "replace": (delete, insert)}
        self.commit(session, number, title, *statements[kind])
        if title:
            self._living.append(number)


class _AuthorWriter(_Writer):
    """Renames authors, each of whom stands in many documents."""

    table = "authors"

    def change(self, session: Session) -> None:
        if self._random.random() > RENAMES:
            return
        number = self._random.randint(1, AUTHORS)
        name = f"name {self._changes} of {number}"
        self.commit(session, number, name, ("UPDATE public.authors SET name = %s WHERE id = %s", [name, number]))
