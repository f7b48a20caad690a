"""The sample shop on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from demo.data import Sample, is_loaded, load
from pg2es.adapters.postgres import PostgresAccess
from tests.integration.demo_shop import REFERENCES, empty_shop, fetch_row, fetch_value, read_digests
from tests.support import connect

SAMPLE = Sample(orders=2_000)


@pytest.fixture
def shop(stack_environment: dict[str, str], unique_name: str) -> Iterator[PostgresAccess]:
    with empty_shop(unique_name) as access:
        yield access


@pytest.fixture
def loaded(shop: PostgresAccess) -> PostgresAccess:
    load(shop, SAMPLE)
    return shop


def test_the_same_seed_gives_the_same_rows(loaded: PostgresAccess, unique_name: str) -> None:
    with empty_shop(f"{unique_name}_twin") as twin:
        load(twin, SAMPLE)
        assert read_digests(twin) == read_digests(loaded)


def test_another_seed_gives_other_rows(loaded: PostgresAccess) -> None:
    before = read_digests(loaded)
    load(loaded, Sample(orders=SAMPLE.orders, seed=SAMPLE.seed + 1))
    after = read_digests(loaded)
    assert [table for table in before if before[table] == after[table]] == []


def test_is_loaded_means_this_very_sample(shop: PostgresAccess) -> None:
    assert not is_loaded(shop, SAMPLE)
    load(shop, SAMPLE)
    assert is_loaded(shop, SAMPLE)
    assert not is_loaded(shop, Sample(orders=SAMPLE.orders + 1))


def test_sizes(loaded: PostgresAccess) -> None:
    orders, items, customers, products = fetch_row(
        loaded,
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_items),"
        " (SELECT count(*) FROM customers), (SELECT count(*) FROM products)",
    )
    assert (orders, customers, products) == (2_000, 200, 40)
    assert isinstance(items, int)
    assert 5_000 < items < 7_000


def test_every_reference_leads_somewhere(loaded: PostgresAccess) -> None:
    assert fetch_row(loaded, REFERENCES) == (0, 0, 0)


@pytest.mark.parametrize(
    "condition",
    [
        "pg_column_size(note) > 2500",
        "note ~ '[\"\\\\]'",
        r"note ~ '[\x01-\x1f]'",
        "note ~ '🏳'",
        "note = ''",
        "note IS NULL",
        "weight = 'NaN'",
        "weight = '-Infinity'",
        "length(weight::text) > 100",
        "weight::text = '1.50'",
        "jsonb_typeof(meta) = 'string'",
        "jsonb_typeof(meta) = 'array' AND meta <> '[]'",
        "meta ? 'with.dot'",
        "customer_id IS NULL",
        "EXISTS (SELECT FROM customers c WHERE c.id = customer_id AND array_ndims(tags) = 2)",
        "EXISTS (SELECT FROM customers c WHERE c.id = customer_id AND birthday = '0001-01-01')",
        "NOT EXISTS (SELECT FROM order_items i WHERE i.order_id = orders.id)",
    ],
)
def test_awkward_values_are_there(awkward: PostgresAccess, condition: str) -> None:
    count = fetch_value(awkward, f"SELECT count(*) FROM orders WHERE {condition}")
    assert isinstance(count, int)
    assert count > 0


@pytest.fixture(scope="module")
def awkward(stack_environment: dict[str, str]) -> Iterator[PostgresAccess]:
    """One shop that is only read."""
    with empty_shop("t_demo_awkward") as access:
        load(access, SAMPLE)
        yield access


def test_pg2es_may_publish_the_tables(loaded: PostgresAccess) -> None:
    with connect(loaded.database) as session:
        session.execute("CREATE PUBLICATION p FOR TABLE orders, order_items, customers, products")
