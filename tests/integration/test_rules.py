"""The rules of the refresh protocol (docs/concepts.md) on a real PostgreSQL and Elasticsearch, one or more tests each.

The sink's side of them is in test_sink*.py, the start of the stream and the end of a backfill in test_connectors.py
and test_backfill.py; any order of steps is in tests/unit/test_refresh_stateful.py.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event

import pytest

from pg2es.adapters.postgres import Session, fetch_one
from pg2es.core.errors import ElasticsearchUnavailable, IdentityMismatch, PostgresUnavailable
from pg2es.core.generations.generation import GC_DELETES
from pg2es.core.sql import protocol
from pg2es.services import backfill
from pg2es.services.clients import Clients
from pg2es.services.refresh import Refresher, Target
from pg2es.services.refresh import refresher as refresh
from pg2es.services.stream import ensure_source, wait_for_fence
from pg2es.services.stream.fence import take_fence
from pg2es.services.tables import read_tables
from pg2es.services.waiting import wait_for
from tests.integration.batch import make_generation
from tests.support import Database, ProjectFolder, connect


class Pieces:
    """A table `pieces` of 10 rows, its index, and refreshers of it."""

    def __init__(self, folder: ProjectFolder, database: Database, document: str | None = None) -> None:
        database.execute(
            "CREATE TABLE public.pieces (id bigint PRIMARY KEY, note text)",
            "INSERT INTO public.pieces SELECT n, 'first' FROM generate_series(1, 10) n",
        )
        self.pipeline = folder.add_pipeline("pieces", "public.pieces", document=document)
        self.database = database
        self.clients: Clients = folder.clients()
        self.source = folder.source_model()
        self.generation = make_generation(self.clients, self.pipeline)

    def target(self, session: Session, *, epoch: int = 0) -> Target:
        meta = self.generation.meta.with_(epoch=epoch)
        return Target(self.generation.index, meta, read_tables(session, self.pipeline).sql)

    def refresher(self, session: Session, *, epoch: int = 0) -> Refresher:
        return Refresher(session, self.clients.elasticsearch, self.target(session, epoch=epoch))

    def stored(self, root: int) -> tuple[int, dict[str, object]]:
        """Return version and content of a document."""
        found = self.clients.elasticsearch.get(index=self.generation.index, id=str(root)).body
        return found["_version"], found["_source"]

    def exists(self, root: int) -> bool:
        return bool(self.clients.elasticsearch.exists(index=self.generation.index, id=str(root)))


@pytest.fixture
def pieces(project_folder: ProjectFolder, database: Database) -> Pieces:
    return Pieces(project_folder, database)


@pytest.fixture
def session(pieces: Pieces) -> Iterator[Session]:
    """A session as every writer opens it."""
    with pieces.clients.session(pieces.source) as session:
        yield session


def _visible(session: Session, *transactions: int) -> bool:
    return bool(fetch_one(session, protocol.VISIBLE, [transaction & 0xFFFFFFFF for transaction in transactions])[0])


def _transaction_id(session: object) -> int:
    return int(session.execute("SELECT pg_current_xact_id()::text").fetchone()[0])  # type: ignore[attr-defined]


def test_rule_1_a_transaction_is_visible_once_it_has_ended(pieces: Pieces, session: Session) -> None:
    with connect(pieces.database.name) as other:
        with other.transaction():
            running = _transaction_id(other)
            assert not _visible(session, running)
            assert fetch_one(session, protocol.TRANSACTION_STATUS, running)[0] == "in progress"
            with other.transaction():  # a subtransaction has an id of its own; events carry the top one
                other.execute("UPDATE public.pieces SET note = 'nested'")
        assert _visible(session, running)
        assert _visible(session, running, 3, running - 1)
        with other.transaction(force_rollback=True):
            aborted = _transaction_id(other)
        assert fetch_one(session, protocol.TRANSACTION_STATUS, aborted)[0] == "aborted"


@pytest.mark.parametrize("now", [5, 2**31, 2**32 - 2, 2**32, 2**32 + 5, 7 * 2**32 + 123])
def test_rule_1_low_halves_of_ids_are_widened_next_to_the_present(session: Session, now: int) -> None:
    widened = protocol._WIDE.format(ref=f"{now}::bigint", low="$1::bigint")
    for distance in (0, -1, 1, -(2**31), 2**31 - 1, -100):
        meant = now + distance
        if meant >= 3:
            assert int(fetch_one(session, f"SELECT {widened}::text", meant & 0xFFFFFFFF)[0]) == meant


def test_rule_2_versions_are_unique_however_many_ask(pieces: Pieces) -> None:
    askers, times = 8, 500
    together = Barrier(askers)

    def ask(_: int) -> list[int]:
        with pieces.clients.session(pieces.source) as session:
            together.wait(30)
            return [int(fetch_one(session, protocol.VERSION)[0]) for _ in range(times)]

    with ThreadPoolExecutor(askers) as pool:
        versions = [version for found in pool.map(ask, range(askers)) for version in found]
    assert len(set(versions)) == askers * times


def test_rule_2_the_version_is_taken_before_the_read_whatever_the_default_isolation(
    project_folder: ProjectFolder, database: Database
) -> None:
    # Between version and read another commit comes: the read must see it, and carry the older version.
    pieces = Pieces(project_folder, database)
    database.execute_as_superuser(
        f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'",
        f"ALTER DATABASE {database.name} SET default_transaction_read_only = on",
        f"ALTER DATABASE {database.name} SET default_transaction_deferrable = on",
    )
    with pieces.clients.session(pieces.source) as session, connect(database.name) as other:
        sql = read_tables(session, pieces.pipeline).sql
        with session.transaction():
            version = fetch_one(session, protocol.VERSION)[0]
            other.execute("SET default_transaction_read_only = off")
            other.execute("UPDATE public.pieces SET note = 'second' WHERE id = 1")
            [(_, action, source, *_)] = session.execute(sql.by_keys(), [["1"], version, 2**30, 2**30]).fetchall()
            assert '"note":"second"' in source
            assert fetch_one(session, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn > $1", version)[0]
        assert f'"version":{version},' in action


def test_rule_2_the_document_is_read_behind_its_version(project_folder: ProjectFolder, database: Database) -> None:
    document = "SELECT id, (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS read_at FROM root"
    pieces = Pieces(project_folder, database, document)
    with pieces.clients.session(pieces.source) as session:
        pieces.refresher(session).refresh_keys([("1",)])
    version, source = pieces.stored(1)
    assert version <= int(str(source["read_at"]))


def test_rule_3_a_read_that_is_cut_short_writes_nothing(project_folder: ProjectFolder, database: Database) -> None:
    pieces = Pieces(
        project_folder, database, "SELECT id, pg_sleep(CASE id WHEN 7 THEN 60 END)::text AS slept FROM root"
    )
    keys = [(str(root),) for root in range(1, 11)]
    with ThreadPoolExecutor() as pool, pieces.clients.session(pieces.source) as session:
        refreshing = pool.submit(pieces.refresher(session).refresh_keys, keys)
        sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        [(pid,)] = wait_for(
            lambda: database.fetch(sleeping), timeout_s=30, on_timeout=lambda: AssertionError("nobody reads")
        )
        database.execute_as_superuser(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(PostgresUnavailable, match="Pipeline pieces"):
            refreshing.result(60)
    assert not any(pieces.exists(root) for root in range(1, 11))


@pytest.mark.parametrize("server_version", [150000, 180000])
def test_rule_4_what_was_read_is_on_disk_before_it_is_written(
    pieces: Pieces, monkeypatch: pytest.MonkeyPatch, server_version: int
) -> None:
    # The statements of both generations of servers run on this one.
    statements = protocol.flush(server_version)
    monkeypatch.setattr(protocol, "flush", lambda _: statements)
    pieces.database.execute_as_superuser(f"ALTER DATABASE {pieces.database.name} SET synchronous_commit = off")
    with pieces.clients.session(pieces.source) as session:
        # Nobody else flushes in between: another session's WAL would do.
        read = pieces.refresher(session)._read_keys([("1",)])
        flushed = fetch_one(session, "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn")[0]
    version = int(read.bodies[0].lines.split(b'"version":')[1].split(b",")[0])
    assert flushed > version


def test_rule_4_old_servers_get_the_statements_they_know() -> None:
    assert "synchronous_commit" in protocol.flush(150018)
    assert "synchronous_commit" in protocol.flush(160010)
    assert "true)" in protocol.flush(170000)
    assert "SET" not in protocol.flush(180006)


def test_rule_5_who_reads_first_and_writes_last_gets_a_conflict_and_is_done(pieces: Pieces, session: Session) -> None:
    with pieces.clients.session(pieces.source) as slow_session:
        slow = pieces.refresher(slow_session)
        old = slow._read_keys([("1",)])
        pieces.database.execute("UPDATE public.pieces SET note = 'second' WHERE id = 1")
        assert pieces.refresher(session).refresh_keys([("1",)]).written == 1
        outcome = slow._send(old, old.bodies[0])
    assert (outcome.written, outcome.conflicts, outcome.again, outcome.rejected) == (0, 1, [], [])
    assert pieces.stored(1)[1]["note"] == "second"


def test_rule_5_a_document_that_was_deleted_does_not_come_back(pieces: Pieces, session: Session) -> None:
    with pieces.clients.session(pieces.source) as slow_session:
        slow = pieces.refresher(slow_session)
        old = slow._read_keys([("1",)])
        pieces.database.execute("DELETE FROM public.pieces WHERE id = 1")
        pieces.refresher(session).refresh_keys([("1",)])
        assert slow._send(old, old.bodies[0]).conflicts == 1
    assert not pieces.exists(1)


def test_rule_6_what_was_read_too_long_ago_is_not_sent(
    pieces: Pieces, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "DEADLINE_S", -1)
    monkeypatch.setattr(refresh, "PATIENCE_S", 0)
    with pytest.raises(ElasticsearchUnavailable, match="waited too long to be sent"):
        pieces.refresher(session).refresh_keys([("1",)])
    assert not pieces.exists(1)


def test_rule_6_tombstones_outlive_the_deadline(pieces: Pieces) -> None:
    index = pieces.generation.index
    settings = pieces.clients.elasticsearch.indices.get_settings(index=index)[index]["settings"]["index"]
    assert settings["gc_deletes"] == GC_DELETES == "1h"
    assert refresh.DEADLINE_S * 2 < 3600


def test_rule_8_an_open_transaction_holds_the_fence_and_is_named(pieces: Pieces, session: Session) -> None:
    with connect(pieces.database.name) as other:
        with other.transaction():
            other.execute("UPDATE public.pieces SET note = 'held' WHERE id = 3")
            fence = take_fence(session)
            with pytest.raises(PostgresUnavailable) as held:
                wait_for_fence(session, fence, timeout_s=0.2)
            message = str(held.value)
            assert f"pid {other.info.backend_pid} (pg2es)" in message
            assert "UPDATE public.pieces SET note = 'held'" in message
            assert "pg_terminate_backend" in message
        wait_for_fence(session, fence, timeout_s=30)


def test_rule_8_an_open_transaction_holds_the_slot_and_is_named(
    streamed_folder: ProjectFolder, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.execute("CREATE TABLE public.pieces (id bigint PRIMARY KEY)")
    streamed_folder.add_pipeline("pieces", "public.pieces")
    caplog.set_level(logging.INFO)
    with ThreadPoolExecutor() as pool, connect(database.name) as other:
        with other.transaction():
            other.execute("INSERT INTO public.pieces VALUES (1)")
            deploying = pool.submit(ensure_source, streamed_folder.clients(), streamed_folder.source_model())
            wait_for(
                lambda: f"pid {other.info.backend_pid} (pg2es)" in caplog.text,
                timeout_s=30,
                on_timeout=lambda: AssertionError(f"not named: {caplog.text}"),
            )
            assert not deploying.done()
        deploying.result(120)


def test_rule_8_the_fence_is_no_id_of_a_running_transaction(pieces: Pieces, session: Session) -> None:
    with connect(pieces.database.name) as other, other.transaction():
        running = _transaction_id(other)
        assert int(take_fence(session)) > running


def test_rule_11_the_parts_of_a_document_are_of_one_moment(project_folder: ProjectFolder, database: Database) -> None:
    document = "SELECT root.id, root.note, (SELECT p.note FROM public.pairs p WHERE p.id = root.id) AS twin FROM root"
    database.execute(
        "CREATE TABLE public.pairs (id bigint PRIMARY KEY, note text)",
        "INSERT INTO public.pairs SELECT n, 'first' FROM generate_series(1, 10) n",
    )
    pieces = Pieces(project_folder, database, document)
    stop = Event()

    def write() -> None:
        with connect(database.name) as session:
            for number in iter(int, 1):
                if stop.is_set():
                    return
                with session.transaction():
                    session.execute("UPDATE public.pieces SET note = 'n' || txid_current()")
                    session.execute("UPDATE public.pairs SET note = 'n' || txid_current()")
                stop.wait(number + 0.001)

    with ThreadPoolExecutor() as pool, pieces.clients.session(pieces.source) as session:
        writing = pool.submit(write)
        refresher = pieces.refresher(session)
        try:
            for _ in range(40):
                for body in refresher._read_keys([(str(root),) for root in range(1, 11)]).bodies:
                    for source in body.lines.splitlines()[1::2]:
                        note, twin = source.split(b'"note":')[1].rstrip(b"}").split(b',"twin":')
                        assert note == twin
        finally:
            stop.set()
        writing.result()


def test_rule_7_a_delete_is_scheduled_for_its_second_refresh_before_it_is_done(
    pieces: Pieces, session: Session
) -> None:
    pieces.refresher(session).refresh_keys([("1",), ("2",)])
    pieces.database.execute("DELETE FROM public.pieces WHERE id IN (2, 3)")
    scheduled: list[tuple[str, ...]] = []

    def schedule(keys: Sequence[tuple[str, ...]]) -> None:
        assert pieces.exists(2)
        scheduled.extend(keys)

    refresher = Refresher(session, pieces.clients.elasticsearch, pieces.target(session), schedule)
    refresher.refresh_ids(["1", "2", "3", "no key"])
    assert scheduled == [("2",), ("3",)]
    assert (pieces.exists(1), pieces.exists(2)) == (True, False)


def test_rule_12_another_database_stops_every_writer(pieces: Pieces, session: Session) -> None:
    meta = pieces.generation.meta.with_(system_identifier="7000000000000000001")
    target = replace(pieces.target(session), meta=meta)
    with pytest.raises(IdentityMismatch, match=r"Nothing was written\. Run the DAG recover_.*, which adopts it"):
        Refresher(session, pieces.clients.elasticsearch, target)

    pieces.clients.elasticsearch.indices.put_mapping(index=pieces.generation.index, meta=meta.to_mapping())
    [chunk] = backfill.plan(pieces.clients, pieces.pipeline, 1)
    with pytest.raises(IdentityMismatch, match=r"made from PostgreSQL 7000000000000000001 \(timeline 1\)"):
        backfill.copy_chunk(pieces.clients, pieces.pipeline, pieces.generation.index, chunk, lane=0)
    assert not pieces.exists(1)


def test_rule_12_a_raised_epoch_beats_every_older_lsn(pieces: Pieces, session: Session) -> None:
    pieces.clients.elasticsearch.index(
        index=pieces.generation.index, id="1", document={}, version=(1 << 56) - 1, version_type="external"
    )
    assert pieces.refresher(session).refresh_keys([("1",)]).conflicts == 1
    assert pieces.refresher(session, epoch=1).refresh_keys([("1",)]).written == 1
    assert pieces.stored(1)[0] > 1 << 56
