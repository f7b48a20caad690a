"""The traffic on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from random import Random

import psycopg
import pytest

from demo import changes
from demo.changes import CHANGES, Shop
from demo.data import Sample, connect, load
from demo.errors import DemoError
from demo.traffic import Traffic, Writer
from pg2es.adapters.postgres import PostgresAccess
from pg2es.core.errors import PostgresUnavailable
from pg2es.services.waiting import wait_for
from tests.integration.demo_shop import REFERENCES, empty_shop, fetch_row, fetch_value, read_digests

SAMPLE = Sample(orders=300)
AS_FAST_AS_POSSIBLE = 1e9
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def shop(stack_environment: dict[str, str], unique_name: str) -> Iterator[PostgresAccess]:
    with empty_shop(unique_name) as access:
        load(access, SAMPLE)
        yield access


def wait_until(check: Callable[[], bool]) -> None:
    wait_for(check, timeout_s=120, on_timeout=lambda: AssertionError("it did not happen within 120 s"))


def test_a_writer_follows_its_seed(shop: PostgresAccess, unique_name: str) -> None:
    def change_often(access: PostgresAccess) -> Writer:
        with connect(access) as connection:
            writer = Writer(Shop.read(connection, writers=1)[0], Random(5))
            for _ in range(200):
                writer.change(connection)
        return writer

    before = read_digests(shop)
    with empty_shop(f"{unique_name}_twin") as twin:
        load(twin, SAMPLE)
        assert change_often(twin).counts == change_often(shop).counts
        assert read_digests(twin) == read_digests(shop)
    assert [table for table, digest in read_digests(shop).items() if digest == before[table]] == []


def test_all_kinds_of_changes_leave_every_reference_whole(shop: PostgresAccess) -> None:
    kinds = {make.__name__.replace("_", " ") for make in CHANGES}
    with Traffic(shop, writers=4, changes_per_s=AS_FAST_AS_POSSIBLE) as traffic:
        wait_until(lambda: kinds <= set(traffic.counts))
    assert traffic.rows > 0
    assert fetch_row(shop, REFERENCES) == (0, 0, 0)


def test_it_is_quiet_afterwards(shop: PostgresAccess) -> None:
    with Traffic(shop, writers=3) as traffic:
        wait_until(lambda: traffic.rows > 0)
    assert fetch_value(shop, CONNECTIONS) == 0


def test_traffic_can_begin_again(shop: PostgresAccess) -> None:
    for _ in range(2):
        with Traffic(shop, writers=2, changes_per_s=AS_FAST_AS_POSSIBLE) as traffic:
            wait_until(lambda traffic=traffic: traffic.counts["place order"] > 5)  # type: ignore[misc]


def test_writers_come_back_after_a_lost_connection(shop: PostgresAccess) -> None:
    with Traffic(shop, writers=2) as traffic:
        wait_until(lambda: traffic.rows > 0)
        fetch_value(
            shop,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        wait_until(lambda: traffic.counts["lost connection"] > 0)
        before = traffic.rows
        wait_until(lambda: traffic.rows > before)


def test_a_connection_lost_in_a_rollback_is_told_as_lost(shop: PostgresAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    def change_mind_without_connection(connection: psycopg.Connection, _: Shop, __: Random) -> int:
        with connection.transaction():
            fetch_value(shop, f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")
            raise psycopg.Rollback

    monkeypatch.setattr(changes, "CHANGES", {change_mind_without_connection: 1})
    with pytest.raises(PostgresUnavailable, match="the connection was lost"), connect(shop) as connection:
        changes.change(connection, Shop.read(connection, writers=1)[0], Random(1))


def test_an_error_of_a_writer_comes_out(shop: PostgresAccess) -> None:
    def let_it_fail() -> None:
        with Traffic(shop, writers=1) as traffic, connect(shop) as connection:
            connection.execute("ALTER TABLE order_items RENAME TO gone")  # locks this table alone: no deadlock
            wait_until(lambda: _has_failed(traffic))

    with pytest.raises(DemoError, match=r'traffic on .* has ended: relation "order_items" does not exist'):
        let_it_fail()


def _has_failed(traffic: Traffic) -> bool:
    try:
        traffic.check()
    except DemoError:
        return True
    return False
