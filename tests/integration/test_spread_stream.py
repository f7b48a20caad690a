"""Changes that touch many roots, and those that name none, through a real Debezium: every document comes right."""

import pytest
from elasticsearch.helpers import bulk

from pg2es.adapters.elasticsearch import indices
from pg2es.cli.refresh import refresh_all, refresh_keys
from pg2es.core.config import Pipeline
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.stream import ensure_source, pass_barrier
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder

ORDERS = 300
SPREAD = 20
TABLES = (
    "CREATE TABLE public.customers (id bigint PRIMARY KEY, name text NOT NULL)",
    """CREATE TABLE public.orders (id bigint, year integer, customer_id bigint, PRIMARY KEY (id, year))
       PARTITION BY LIST (year)""",
    "CREATE TABLE public.orders_2024 PARTITION OF public.orders FOR VALUES IN (2024)",
    "CREATE TABLE public.orders_2025 PARTITION OF public.orders FOR VALUES IN (2025)",
    "CREATE TABLE public.makers (id bigint PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE public.products (id bigint PRIMARY KEY, maker_id bigint NOT NULL, name text NOT NULL)",
    "CREATE TABLE public.items (id bigint PRIMARY KEY, order_id bigint, order_year integer, product_id bigint)",
    "CREATE TABLE public.hidden (customer_id bigint PRIMARY KEY)",
    *(
        f"ALTER TABLE public.{table} REPLICA IDENTITY FULL"
        for table in ("orders_2024", "orders_2025", "products", "items", "hidden")
    ),
)
ROWS = (
    "INSERT INTO public.customers VALUES (1, 'Ada'), (2, 'Ben')",
    "INSERT INTO public.makers VALUES (1, 'Acme'), (2, 'Bell')",
    "INSERT INTO public.products SELECT n, n % 2 + 1, 'product ' || n FROM generate_series(1, 4) n",
    f"INSERT INTO public.orders SELECT n, 2024 + n % 2, n % 2 + 1 FROM generate_series(1, {ORDERS}) n",
    f"INSERT INTO public.items SELECT n, n, 2024 + n % 2, n % 4 + 1 FROM generate_series(1, {ORDERS}) n",
    "INSERT INTO public.hidden VALUES (2)",
)
DOCUMENT = """\
SELECT root.id, root.year, c.name AS customer,
  (SELECT json_agg(json_build_object('id', i.id, 'product', p.name, 'maker', m.name) ORDER BY i.id)
   FROM public.items i
   JOIN public.products p ON p.id = i.product_id JOIN public.makers m ON m.id = p.maker_id
   WHERE i.order_id = root.id AND i.order_year = root.year) AS items
FROM root LEFT JOIN public.customers c ON c.id = root.customer_id
WHERE NOT EXISTS (SELECT FROM public.hidden h WHERE h.customer_id = root.customer_id)"""
_BY_CUSTOMER = "SELECT o.id, o.year FROM changed c JOIN public.orders o ON o.customer_id = c.{0}"
_BY_PRODUCT = (
    "SELECT i.order_id, i.order_year FROM changed c JOIN public.items i ON i.product_id = c.id"
    " WHERE i.order_id IS NOT NULL"
)
RELATED = [
    {"table": "public.customers", "roots_sql": _BY_CUSTOMER.format("id")},
    {"table": "public.hidden", "roots_sql": _BY_CUSTOMER.format("customer_id")},
    {"table": "public.items", "root_key": ["order_id", "order_year"]},
    {"table": "public.products", "roots_sql": _BY_PRODUCT},
    {
        "table": "public.makers",
        "roots_sql": "SELECT i.order_id, i.order_year FROM changed c"
        " JOIN public.products p ON p.maker_id = c.id JOIN public.items i ON i.product_id = p.id",
    },
]


class Shop:
    """Orders in partitions, with customers, items, and what stands behind these."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        self.folder, self.database = folder, database
        database.execute(*TABLES)
        self.reset()
        self.pipeline: Pipeline = folder.add_pipeline(
            "orders", "public.orders", document=DOCUMENT, related=RELATED, stream={"spread_roots": SPREAD}
        )
        self.clients: Clients = folder.clients()
        ensure_source(self.clients, folder.source_model())
        run_backfill(self.clients, self.pipeline)

    def reset(self) -> None:
        """Let every table hold what it held at first."""
        names = "customers, orders, makers, products, items, hidden"
        self.database.execute(f"TRUNCATE {', '.join(f'public.{name}' for name in names.split(', '))}", *ROWS)

    @property
    def generation(self) -> Generation:
        return require_live_generation(self.clients.elasticsearch, self.pipeline)

    def remove_documents(self) -> None:
        """Remove every document behind pg2es' back: a refresh brings it back, nothing else does."""
        client, index = self.clients.elasticsearch, self.generation.index
        hits = client.search(index=index, size=ORDERS, source=False)["hits"]["hits"]
        bulk(client, [{"_op_type": "delete", "_index": index, "_id": hit["_id"]} for hit in hits], refresh=True)
        assert indices.count_documents(client, index) == 0

    def check(self, documents: int) -> None:
        """Everything that was done before is in the index, and nothing else."""
        check_equal(self.clients, self.pipeline, documents)


@pytest.fixture(scope="module")
def shop(module_folder: tuple[ProjectFolder, Database]) -> Shop:
    return Shop(*module_folder)


HALF = ORDERS // 2


@pytest.mark.parametrize(
    ("statements", "documents"),
    [
        pytest.param(["UPDATE public.customers SET name = 'Eve' WHERE id = 1"], HALF, id="a shared row"),
        pytest.param(["UPDATE public.makers SET name = 'Zeta'"], HALF, id="a row behind two tables"),
        pytest.param(["UPDATE public.products SET maker_id = 3 - maker_id"], HALF, id="rows that move"),
        pytest.param(["DELETE FROM public.hidden"], ORDERS, id="documents that appear"),
        pytest.param(["INSERT INTO public.hidden VALUES (1)"], 0, id="documents that vanish"),
        pytest.param(["TRUNCATE public.hidden"], ORDERS, id="documents that appear by a TRUNCATE"),
        pytest.param(["TRUNCATE public.customers, public.items"], HALF, id="related tables emptied"),
        pytest.param(["TRUNCATE public.orders"], 0, id="roots emptied"),
        pytest.param(
            ["UPDATE public.items SET order_id = order_id + 2 WHERE id < 200"],
            HALF,
            id="items that move",
        ),
        pytest.param(["UPDATE public.orders SET id = id + 10000"], HALF, id="keys that change"),
        pytest.param(
            ["UPDATE public.orders SET year = 4049 - year WHERE customer_id = 1"],
            HALF,
            id="roots that move",
        ),
    ],
)
def test_many_roots_come_right(shop: Shop, statements: list[str], documents: int) -> None:
    shop.reset()
    shop.check(HALF)
    shop.database.execute(*statements)
    shop.check(documents)
    status = shop.clients.connect.status(sink_connector(shop.generation.index))
    assert status
    assert status.running


def test_of_a_partition_that_is_emptied_postgresql_tells_nothing(shop: Shop) -> None:
    # The publication tells changes of partitions as those of their root, and a TRUNCATE of one is none of the root.
    shop.reset()
    shop.check(HALF)
    shop.database.execute("TRUNCATE public.orders_2024", "INSERT INTO public.orders VALUES (1001, 2025, 1)")
    pass_barrier(shop.clients, shop.pipeline, shop.generation)
    assert indices.count_documents(shop.clients.elasticsearch, shop.generation.index) == HALF + 1
    refresh_all(shop.clients.project, "orders")
    shop.check(1)


def test_a_barrier_waits_for_pages_and_for_all(shop: Shop) -> None:
    shop.reset()
    shop.check(HALF)
    client = shop.clients.elasticsearch
    shop.remove_documents()
    refresh_all(shop.clients.project, "orders")
    pass_barrier(shop.clients, shop.pipeline, shop.generation)
    assert indices.count_documents(client, shop.generation.index) == HALF

    shop.remove_documents()
    refresh_keys(shop.clients.project, "orders", ['["2", "2024"]', '["4", "2024"]', '["9999", "2024"]'])
    pass_barrier(shop.clients, shop.pipeline, shop.generation)
    assert indices.count_documents(client, shop.generation.index) == 2
    refresh_all(shop.clients.project, "orders")
    shop.check(HALF)
