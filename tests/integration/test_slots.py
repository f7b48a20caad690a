"""A slot that is lost, or made anew by somebody: Debezium stops, the monitor says so for as long as it is so, nothing
is skipped over, and a recovery brings what the stream has missed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pg2es.core.config import Source
from pg2es.core.drift import Deep, Outcome
from pg2es.core.errors import SlotLost
from pg2es.core.monitoring import Kind
from pg2es.core.stream import source_position, source_start
from pg2es.services import recovery
from pg2es.services.backfill import close_gap
from pg2es.services.clients import Clients
from pg2es.services.drift import reconcile
from pg2es.services.recovery import mend
from pg2es.services.stream import deploy, ensure_source
from pg2es.services.waiting import wait_for
from tests.integration.batch import run_backfill
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder


@pytest.fixture(scope="module")
def streamed(module_folder: tuple[ProjectFolder, Database]) -> Streamed:
    return Streamed(*module_folder)


def check_lost(streamed: Streamed, kind: Kind, sentence: str) -> None:
    """Fail unless the breach is there, and neither deploying nor mending lets the stream go on."""
    source, clients = streamed.source, streamed.clients
    assert sentence in streamed.breaches()[kind].sentence
    for _ in range(2):
        with pytest.raises(SlotLost, match=f"lost to the stream. Run the DAG recover_{source.name}"):
            deploy(clients, source)
    [problem] = mend(clients, source, {}, 0).problems
    assert f"recover_{source.name}" in problem
    assert kind in streamed.breaches()


def recover_and_check(streamed: Streamed) -> None:
    """Recover, and fail unless nothing is wrong then and every document equals its row."""
    old_fence = streamed.live.meta.fence
    assert recovery.reset_source(streamed.clients, streamed.source) == ["parts"]
    assert list(streamed.breaches()) == [Kind.GAP]  # until a backfill has gone through
    assert int(streamed.live.meta.fence or 0) > int(old_fence or 0)
    streamed.change("after the slot")
    run_backfill(streamed.clients, streamed.pipeline)
    streamed.check_equal()
    assert streamed.breaches() == {}
    assert streamed.slots() == [streamed.made_slot]


def test_a_slot_is_a_failover_slot_and_stays_one(streamed: Streamed) -> None:
    streamed.change("1")
    streamed.check_equal()
    assert streamed.slots() == [streamed.made_slot]
    assert streamed.breaches() == {}


def test_a_source_never_starts_without_a_position(streamed: Streamed) -> None:
    """Debezium makes a missing slot anew if it has none."""
    source, clients = streamed.source, streamed.clients
    clients.connect.stop(source.connector)
    streamed.wait_until_stopped(source.connector)
    clients.connect.reset_offsets(source.connector)
    with clients.session(source) as session:
        ensure_source(clients, source)
        [confirmed] = session.execute(
            "SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots WHERE slot_name = $1", [source.slot]
        ).fetchone() or [0]
    assert (source_position(clients.connect.offsets(source.connector)) or 0) >= int(confirmed) > 0
    streamed.change("2")
    streamed.check_equal()


def test_a_position_is_read_while_it_is_reset(streamed: Streamed) -> None:
    connect, name = streamed.clients.connect, streamed.source.connector
    connect.stop(name)
    streamed.wait_until_stopped(name)
    position = source_position(connect.offsets(name)) or 0
    assert position
    seen: list[int | None] = []
    over = Event()

    def look() -> None:
        while not over.is_set():
            seen.append(source_position(connect.offsets(name)))

    def reset() -> bool:
        connect.reset_offsets(name)
        connect.alter_offsets(name, source_start(streamed.source.topic_prefix, position))
        return None in seen and position in seen

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(look)
        try:
            wait_for(reset, timeout_s=60, on_timeout=lambda: AssertionError(f"only {set(seen)} was seen"))
        finally:
            over.set()
        looking.result()
    assert {*seen} == {None, position}
    connect.resume(name)
    streamed.check_equal()


def test_a_slot_dropped_while_its_connector_is_stopped(streamed: Streamed) -> None:
    source, clients = streamed.source, streamed.clients
    clients.connect.stop(source.connector)
    streamed.wait_until_stopped(source.connector)
    streamed.drop_slot()
    streamed.change("unseen")
    clients.connect.resume(source.connector)
    streamed.wait_until_failed(source.connector)
    assert streamed.slots() == []  # nobody made it anew
    check_lost(streamed, Kind.SLOT_MISSING, "is gone")
    recover_and_check(streamed)


def test_a_slot_dropped_under_its_running_connector(streamed: Streamed) -> None:
    source = streamed.source
    streamed.drop_slot()
    streamed.change("unseen, too")
    assert Kind.SLOT_MISSING in streamed.breaches()  # at the next look, whatever Debezium does
    streamed.wait_until_failed(source.connector)
    streamed.clients.connect.restart(source.connector)
    streamed.wait_until_failed(source.connector)
    assert streamed.slots() == []
    check_lost(streamed, Kind.SLOT_MISSING, "is gone")
    recover_and_check(streamed)


def test_a_slot_made_anew_by_somebody(streamed: Streamed) -> None:
    slot = streamed.source.slot
    streamed.drop_slot(
        "UPDATE public.parts SET number = 'between'",
        f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput', false, false, true)",
    )
    streamed.wait_until_failed(streamed.source.connector)
    check_lost(streamed, Kind.SLOT_RECREATED, "made anew (it begins behind what its connector has read)")
    recover_and_check(streamed)


def test_a_slot_made_anew_by_debezium_is_told_after_it_has_gone_on(streamed: Streamed) -> None:
    """Somebody has taken the position away, too, so that Debezium takes a new slot for the first one."""
    source, clients = streamed.source, streamed.clients
    clients.connect.stop(source.connector)
    streamed.wait_until_stopped(source.connector)
    streamed.drop_slot("UPDATE public.parts SET number = 'between, too'")
    clients.connect.reset_offsets(source.connector)
    clients.connect.resume(source.connector)
    streamed.wait_until(lambda: source_position(clients.connect.offsets(source.connector)))
    assert streamed.slots() == [(source.slot, False)]
    check_lost(streamed, Kind.SLOT_RECREATED, "made anew (it is no failover slot)")
    recover_and_check(streamed)


def test_wal_that_debezium_cannot_read(streamed: Streamed) -> None:
    """The WAL holds columns that differ in case only, as they were: renaming one, or capturing less, comes too late."""
    source, clients = streamed.source, streamed.clients
    streamed.database.execute('ALTER TABLE public.parts ADD COLUMN "Number" text')
    assert "Rename one of them" in streamed.breaches()[Kind.BROKEN].sentence
    streamed.change("unreadable")
    streamed.wait_until_failed(source.connector)
    streamed.database.execute('ALTER TABLE public.parts DROP COLUMN "Number"')
    config = clients.connect.config(source.connector) or {}
    clients.connect.update(source.connector, config | {"table.include.list": "public.none"})
    clients.connect.restart(source.connector, only_failed=False)
    streamed.wait_until_failed(source.connector)
    recover_and_check(streamed)


def test_the_position_of_a_pipeline_is_reset(streamed: Streamed) -> None:
    clients = streamed.clients
    clients.connect.stop(streamed.sink)
    streamed.wait_until_stopped(streamed.sink)
    streamed.change("never read")
    assert recovery.reset_pipeline(clients, streamed.pipeline) == ["parts"]
    assert list(streamed.breaches()) == [Kind.GAP]
    run_backfill(clients, streamed.pipeline)
    streamed.check_equal()
    assert streamed.breaches() == {}


def test_a_recovery_may_end_after_each_step_and_begin_again(streamed: Streamed) -> None:
    clients, source = streamed.clients, streamed.source
    streamed.drop_slot()
    steps: list[Callable[[Clients, Source], object]] = [
        recovery.stop_streams,
        recovery.renew_slot,
        recovery.renew_positions,
        recovery.start_streams,
    ]
    for last in range(1, len(steps)):
        for step in steps[:last]:
            step(clients, source)
        assert Kind.GAP in streamed.breaches()
        streamed.change(f"while it stands still {last}")
    recover_and_check(streamed)


def test_what_is_equal_is_not_copied_again(streamed: Streamed) -> None:
    clients = streamed.clients
    versions = streamed.versions()
    streamed.drop_slot(
        "UPDATE public.parts SET number = 'nobody heard of it' WHERE id <= 3",
        "DELETE FROM public.parts WHERE id = 4",
        "INSERT INTO public.parts VALUES (1000, 'nor of this')",
    )
    recovery.reset_source(clients, streamed.source)
    assert list(streamed.breaches()) == [Kind.GAP]
    assert close_gap(clients, streamed.pipeline)
    streamed.check_equal()
    assert streamed.breaches() == {}
    now = streamed.versions()
    assert {identifier for identifier in now if now[identifier] != versions.get(identifier)} == {"1", "2", "3", "1000"}
    assert versions.keys() - now.keys() == {"4"}


def test_where_too_much_differs_a_backfill_closes_the_gap(streamed: Streamed) -> None:
    clients = streamed.clients
    streamed.drop_slot("UPDATE public.parts SET number = 'missed' WHERE id > 70")
    recovery.reset_source(clients, streamed.source)
    assert not close_gap(clients, streamed.pipeline)
    # Both are told: that changes are missing, and that a comparison has found them.
    assert set(streamed.breaches()) == {Kind.GAP, Kind.DRIFT}
    run_backfill(clients, streamed.pipeline)
    assert set(streamed.breaches()) == {Kind.DRIFT}
    done = reconcile(clients, streamed.pipeline, deep=Deep.NONE, repair=True, max_repair_fraction=1)
    assert done.outcome is Outcome.EQUAL
    assert streamed.breaches() == {}


def test_an_empty_index_takes_a_backfill(streamed: Streamed) -> None:
    clients = streamed.clients
    recovery.reset_pipeline(clients, streamed.pipeline)
    deletes = [{"delete": {"_id": identifier}} for identifier in streamed.versions()]
    clients.elasticsearch.bulk(index=streamed.live.index, operations=deletes, refresh=True)
    assert not close_gap(clients, streamed.pipeline)
    assert list(streamed.breaches()) == [Kind.GAP]
    run_backfill(clients, streamed.pipeline)
    streamed.check_equal()
    assert streamed.breaches() == {}
