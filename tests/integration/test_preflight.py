"""`pg2es validate --connect` against the real servers: each thing that can be wrong is found, with what mends it."""

from typing import Any

import pytest

from pg2es.core.preflight import Severity
from pg2es.core.sql import preflight as statements
from pg2es.services import preflight
from tests.integration.preflight_harness import (
    CUSTOMERS,
    DOCUMENT,
    ITEMS,
    SHOP,
    add_orders,
    of,
    only_problem,
    problems,
    run,
)
from tests.support import MAPPING, Database, ProjectFolder


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(*SHOP)
    return database


def test_a_sound_pipeline_has_no_problem(shop: Database, project_folder: ProjectFolder) -> None:
    add_orders(project_folder)
    assert problems(project_folder) == []


def test_nothing_is_left_behind(shop: Database, project_folder: ProjectFolder) -> None:
    add_orders(project_folder)
    clients = project_folder.clients()
    list(preflight.run(clients, list(clients.project.pipelines.values())))
    assert clients.elasticsearch.indices.get(index=f"{project_folder.prefix}*").body == {}
    assert shop.fetch("SELECT count(*) FROM pg_publication") == [(0,)]


class TestTables:
    def test_no_such_table(self, shop: Database, project_folder: ProjectFolder) -> None:
        project_folder.add_pipeline("nothing", "public.nothing")
        found = problems(project_folder)
        assert f"Database {shop.name} has no table public.nothing" in found[0].sentence
        assert found[0].where == "pipelines/nothing.yaml: table"

    def test_no_key(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute("CREATE TABLE public.a (b int)")
        project_folder.add_pipeline("a", "public.a")
        assert "has no primary key" in problems(project_folder)[0].sentence

    def test_a_key_of_a_type_that_is_none(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute("CREATE TABLE public.a (b double precision PRIMARY KEY)")
        project_folder.add_pipeline("a", "public.a")
        assert "has type double precision, which cannot be a key" in problems(project_folder)[0].sentence

    def test_a_key_without_unique_index(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute("CREATE TABLE public.a (b int NOT NULL)", "ALTER TABLE public.a REPLICA IDENTITY FULL")
        project_folder.add_pipeline("a", "public.a", key="b")
        found = only_problem(project_folder)
        assert "No unique index" in found.sentence
        database.execute(found.mend)
        assert problems(project_folder) == []

    def test_a_key_that_old_rows_lack(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute("CREATE TABLE public.a (id int PRIMARY KEY, b int NOT NULL UNIQUE)")
        project_folder.add_pipeline("a", "public.a", key="b")
        found = only_problem(project_folder)
        assert found.mend == 'ALTER TABLE "public"."a" REPLICA IDENTITY FULL;'
        database.execute("ALTER TABLE public.a REPLICA IDENTITY USING INDEX a_b_key")
        assert problems(project_folder) == []

    def test_a_route_that_old_rows_lack(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute("ALTER TABLE items ADD id bigint GENERATED ALWAYS AS IDENTITY, DROP CONSTRAINT items_pkey")
        shop.execute("ALTER TABLE items ADD PRIMARY KEY (id)", "CREATE INDEX ON items (order_id)")
        add_orders(project_folder)
        found = only_problem(project_folder)
        assert found.severity is Severity.ERROR
        assert "Events carry of the old row id, but the way to the root needs order_id" in found.sentence
        shop.execute(found.mend)
        assert problems(project_folder) == []

    def test_a_partition_has_an_identity_of_its_own(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute(
            "DROP TABLE items",
            "CREATE TABLE items (id int, order_id bigint, line int, price numeric, PRIMARY KEY (id)) "
            "PARTITION BY RANGE (id)",
            "CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (0) TO (100)",
            "CREATE INDEX ON items (order_id)",
            "ALTER TABLE items REPLICA IDENTITY FULL",
        )
        add_orders(project_folder)
        found = only_problem(project_folder)
        assert found.mend == 'ALTER TABLE "public"."items_1" REPLICA IDENTITY FULL;'
        shop.execute(found.mend)
        assert problems(project_folder) == []

    @pytest.mark.parametrize(
        ("related", "sentence"),
        [
            ({"table": "public.items", "root_key": "nope"}, "There is no column nope; there are order_id, line, price"),
            ({"table": "public.items", "root_key": ["order_id", "line"]}, "root_key has 2 column(s), but the key"),
            ({"table": "public.nope", "root_key": "id"}, "has no table public.nope"),
        ],
    )
    def test_a_related_entry_that_cannot_be(
        self, shop: Database, project_folder: ProjectFolder, related: dict[str, Any], sentence: str
    ) -> None:
        add_orders(project_folder, related=[related, CUSTOMERS])
        found = problems(project_folder)[0]
        assert sentence in found.sentence
        assert found.where == f"pipelines/orders.yaml: related.0 ({related['table']})"

    def test_an_unlogged_table(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute("CREATE UNLOGGED TABLE public.a (id int PRIMARY KEY)")
        project_folder.add_pipeline("a", "public.a")
        found = only_problem(project_folder)
        assert "unlogged" in found.sentence
        database.execute(found.mend)
        assert problems(project_folder) == []


class TestDocument:
    @pytest.mark.parametrize(
        ("document", "sentence"),
        [
            ("SELECT root.nope FROM root", "the document SQL does not run: column root.nope does not exist"),
            ("SELECT status FROM root", "It does not return the key column(s) id."),
            ("SELECT id, status, id::text AS status FROM root", "It returns two columns named status."),
            ("SELECT id, 1 AS _pg2es FROM root", "It returns a column named _pg2es"),
            ("SELECT id::text, status FROM root", "Key column id is returned as text, but the table has bigint"),
            ("SELECT id + 100 AS id FROM root", "which is no key of the rows in `root`"),
            ("SELECT id, 1 / (id - 2) AS x FROM root", "cannot make the document of some row: division by zero"),
            ("SELECT id, random() AS x FROM root", "Function pg_catalog.random is VOLATILE"),
            ("SELECT id, now() - '1 h'::interval AS x FROM root", "now changes without an event"),
            ("SELECT id, current_date AS x FROM root", "current_date changes without an event"),
            (
                "SELECT root.id, array_agg(x) AS x FROM root, generate_series(1, 2) AS x GROUP BY root.id",
                "array_agg has no ORDER BY",
            ),
        ],
    )
    def test_a_document_that_cannot_be(
        self, shop: Database, project_folder: ProjectFolder, document: str, sentence: str
    ) -> None:
        project_folder.add_pipeline("orders", "public.orders", document=document)
        found = problems(project_folder)
        assert any(sentence in finding.sentence for finding in found), found

    def test_a_state_that_postgresql_asks_for(self, shop: Database, project_folder: ProjectFolder) -> None:
        """SQLSTATE 55000: no server is down, and waiting helps nobody."""
        shop.execute("CREATE SEQUENCE public.numbers")
        document = "SELECT id, currval('public.numbers') AS x FROM root"
        project_folder.add_pipeline("orders", "public.orders", document=document)
        sentences = [finding.sentence for finding in problems(project_folder)]
        assert any('currval of sequence "numbers" is not yet defined' in sentence for sentence in sentences), sentences

    def test_two_rows_for_one_root(self, shop: Database, project_folder: ProjectFolder) -> None:
        document = "SELECT root.id, i.line FROM root LEFT JOIN public.items i ON i.order_id = root.id"
        project_folder.add_pipeline("orders", "public.orders", document=document, related=[ITEMS])
        found = only_problem(project_folder)
        assert found.severity is Severity.ERROR
        assert "more than one row for root 1" in found.sentence

    def test_a_table_whose_changes_would_be_missed(self, shop: Database, project_folder: ProjectFolder) -> None:
        add_orders(project_folder, related=[ITEMS])
        found = only_problem(project_folder)
        assert found.severity is Severity.ERROR
        assert "reads public.customers, which is neither the root nor a related table" in found.sentence

    def test_a_table_behind_a_view(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute("CREATE VIEW public.names AS SELECT id, name FROM customers")
        document = "SELECT root.id, n.name FROM root LEFT JOIN public.names n ON n.id = root.customer_id"
        project_folder.add_pipeline("orders", "public.orders", document=document)
        assert "reads public.customers" in only_problem(project_folder).sentence

    def test_a_table_that_only_the_roots_sql_reads(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute("CREATE TABLE public.links (customer_id bigint PRIMARY KEY, order_id bigint)")
        related = {
            "table": "public.customers",
            "roots_sql": "SELECT order_id FROM links JOIN changed ON id = customer_id",
        }
        add_orders(project_folder, related=[ITEMS, related])
        found = only_problem(project_folder)
        assert found.where == "pipelines/orders.yaml: related.1 (public.customers).roots_sql"
        assert "reads public.links" in found.sentence

    def test_a_partition_belongs_to_its_table(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute(
            "DROP TABLE items",
            "CREATE TABLE items (order_id bigint, line int, price numeric, PRIMARY KEY (order_id, line)) "
            "PARTITION BY HASH (order_id)",
            "CREATE TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "CREATE TABLE items_2 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        )
        add_orders(project_folder)
        assert problems(project_folder) == []

    def test_roots_sql_that_does_not_run(self, shop: Database, project_folder: ProjectFolder) -> None:
        related = {"table": "public.customers", "roots_sql": "SELECT o.id FROM orders o WHERE o.customer = changed.id"}
        add_orders(project_folder, related=[ITEMS, related])
        assert "the roots_sql of public.customers does not run" in only_problem(project_folder).sentence

    def test_a_function_that_could_read_anything(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute("CREATE FUNCTION public.label(text) RETURNS text STABLE LANGUAGE sql AS 'SELECT upper($1)'")
        project_folder.add_pipeline("orders", "public.orders", document="SELECT id, label(status) AS s FROM root")
        assert any("Function public.label is your own" in finding.sentence for finding in run(project_folder))

    def test_a_document_beyond_the_limit(self, shop: Database, project_folder: ProjectFolder) -> None:
        document = "SELECT id, repeat('x', 5000) AS x FROM root"
        project_folder.add_pipeline("orders", "public.orders", document=document, max_document_bytes=1024)
        found = only_problem(project_folder)
        assert found.severity is Severity.WARNING
        assert "the limit is 1,024" in found.sentence

    def test_only_a_sample_of_a_large_table_is_read(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute(
            "CREATE TABLE public.a (id int PRIMARY KEY, b text)",
            "INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i",
            "CREATE FUNCTION public.slow(int) RETURNS int STABLE LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_sleep(0.001); RETURN $1; END'",
        )
        project_folder.add_pipeline("a", "public.a", document="SELECT id, slow(id) AS s FROM root")
        assert problems(project_folder) == []  # all rows would take 100 s and be cancelled

    def test_a_document_that_takes_too_long(
        self, shop: Database, project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.execute(
            "CREATE FUNCTION public.endless(bigint) RETURNS int STABLE LANGUAGE plpgsql AS "
            "'BEGIN LOOP PERFORM 1; END LOOP; END'"
        )
        project_folder.add_pipeline("orders", "public.orders", document="SELECT id, endless(id) AS x FROM root")
        monkeypatch.setattr(statements, "CAREFUL", statements.CAREFUL.replace("30s", "50ms"))
        found = only_problem(project_folder)
        assert found.severity is Severity.WARNING
        assert "takes over 30 s" in found.sentence


class TestLookups:
    def test_an_index_that_is_missing(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute(
            "DROP INDEX orders_customer_id_idx",
            "INSERT INTO orders SELECT i, 1, repeat('x', 100) FROM generate_series(10, 20000) i",
        )
        add_orders(project_folder)
        found = only_problem(project_folder)
        assert found.severity is Severity.WARNING
        assert found.where == "pipelines/orders.yaml: related.1 (public.customers).roots_sql"
        assert found.mend == 'CREATE INDEX ON "public"."orders" ("customer_id");'
        shop.execute(found.mend)
        assert problems(project_folder) == []

    def test_an_index_that_the_document_needs(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute(
            "DROP TABLE items",
            'CREATE TABLE items ("Order Id" bigint NOT NULL, line int NOT NULL, price numeric, note text)',
            "ALTER TABLE items REPLICA IDENTITY FULL",
            "INSERT INTO items SELECT i % 3 + 1, i, i, repeat('x', 100) FROM generate_series(1, 20000) i",
        )
        document = DOCUMENT.replace("i.order_id", 'i."Order Id"')
        add_orders(project_folder, document=document, related=[ITEMS | {"root_key": "Order Id"}, CUSTOMERS])
        found = only_problem(project_folder)
        assert found.mend == 'CREATE INDEX ON "public"."items" ("Order Id");'
        shop.execute(found.mend)
        assert problems(project_folder) == []

    def test_an_index_for_a_text_column(self, database: Database, project_folder: ProjectFolder) -> None:
        database.execute(
            "CREATE TABLE public.a (code varchar(20) PRIMARY KEY)",
            "CREATE TABLE public.b (id int PRIMARY KEY, code varchar(20), note text)",
            "INSERT INTO b SELECT i, i, repeat('x', 100) FROM generate_series(1, 20000) i",
            "ALTER TABLE b REPLICA IDENTITY FULL",
        )
        document = "SELECT root.code, (SELECT max(b.id) FROM public.b WHERE b.code = root.code) AS b FROM root"
        related = [{"table": "public.b", "root_key": "code"}]
        project_folder.add_pipeline("a", "public.a", document=document, related=related)
        found = only_problem(project_folder)
        assert found.mend == 'CREATE INDEX ON "public"."b" ("code");'
        database.execute(found.mend)
        assert problems(project_folder) == []

    def test_a_small_table_without_index_is_only_noted(self, shop: Database, project_folder: ProjectFolder) -> None:
        shop.execute("DROP INDEX orders_customer_id_idx")
        add_orders(project_folder)
        found = run(project_folder)
        assert problems(project_folder) == []
        assert any("It is small" in finding.sentence for finding in of(found, Severity.INFO))


class TestIndex:
    @pytest.mark.parametrize(
        ("mapping", "sentence"),
        [
            ({"mappings": {"properties": {"id": {"type": "nope"}}}}, "[nope]"),
            ({"settings": {"number_of_shards": 0}}, "number_of_shards"),
            (
                {"mappings": {"dynamic": "strict", "properties": {"id": {"type": "long"}}}},
                "It is strict and has no name",
            ),
            (
                {"mappings": {"properties": {"id": {"type": "long"}, "name": {"type": "long"}}}},
                "(1 of 1 documents that were tried)",
            ),
        ],
    )
    def test_a_mapping_that_cannot_be(
        self, shop: Database, project_folder: ProjectFolder, mapping: dict[str, Any], sentence: str
    ) -> None:
        project_folder.add_pipeline("customers", "public.customers", mapping=mapping)
        found = problems(project_folder)
        assert any(sentence in finding.sentence for finding in found), found
        assert {finding.where for finding in found} == {"pipelines/customers.yaml: mapping"}

    def test_columns_that_are_not_searchable_are_noted(self, shop: Database, project_folder: ProjectFolder) -> None:
        project_folder.add_pipeline("customers", "public.customers", mapping=MAPPING)
        notes = of(run(project_folder), Severity.INFO)
        assert any("It has no id, name: stored" in finding.sentence for finding in notes)
