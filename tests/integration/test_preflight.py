"""`pg2es validate --connect` against the real servers: each thing that can be wrong is found, with what mends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql

from pg2es.core.findings import Finding, Severity
from pg2es.core.sql import preflight as statements
from pg2es.services import preflight
from stack.config import load_config
from tests.support import MAPPING, Database, ProjectFolder, connect

SHOP = (
    "CREATE TABLE public.customers (id bigint PRIMARY KEY, name text)",
    "CREATE TABLE public.orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, status text)",
    "CREATE INDEX ON public.orders (customer_id)",
    """CREATE TABLE public.items (order_id bigint REFERENCES orders, line int, price numeric(12, 2),
         PRIMARY KEY (order_id, line))""",
    "INSERT INTO customers VALUES (1, 'Ada')",
    "INSERT INTO orders VALUES (1, 1, 'new'), (2, 1, 'old'), (3, NULL, 'new')",
    "INSERT INTO items VALUES (1, 1, 1.5), (1, 2, 2.5), (2, 1, 3)",
)
DOCUMENT = """SELECT root.id, root.status,
  (SELECT c.name FROM public.customers c WHERE c.id = root.customer_id) AS customer,
  (SELECT json_agg(json_build_object('line', i.line, 'price', i.price) ORDER BY i.line)
   FROM public.items i WHERE i.order_id = root.id) AS items
FROM root"""
ITEMS = {"table": "public.items", "root_key": "order_id"}
CUSTOMERS = {
    "table": "public.customers",
    "roots_sql": "SELECT o.id FROM public.orders o JOIN changed ON o.customer_id = changed.id",
}


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(*SHOP)
    return database


def run(folder: ProjectFolder) -> list[Finding]:
    clients = folder.clients()
    return list(preflight.run(clients, list(clients.project.pipelines.values())))


def of(findings: list[Finding], severity: Severity) -> list[Finding]:
    return [finding for finding in findings if finding.severity is severity]


def problems(folder: ProjectFolder) -> list[Finding]:
    """Errors and warnings."""
    return [finding for finding in run(folder) if finding.severity is not Severity.INFO]


def only_problem(folder: ProjectFolder) -> Finding:
    found = problems(folder)
    assert len(found) == 1, found
    return found[0]


def add_orders(folder: ProjectFolder, **changes: Any) -> None:
    keys: dict[str, Any] = {"document": DOCUMENT, "related": [ITEMS, CUSTOMERS], **changes}
    folder.add_pipeline("orders", "public.orders", **keys)


def test_a_sound_pipeline_has_no_problem(shop: Database, project_folder: ProjectFolder) -> None:
    add_orders(project_folder)
    assert problems(project_folder) == []


def test_nothing_is_left_behind(shop: Database, project_folder: ProjectFolder) -> None:
    add_orders(project_folder)
    clients = project_folder.clients()
    list(preflight.run(clients, list(clients.project.pipelines.values())))
    assert clients.elasticsearch.indices.get(index=f"{project_folder.prefix}*").body == {}
    assert shop.fetch("SELECT count(*) FROM pg_publication") == [(0,)]


class TestSource:
    def test_wal_level_and_slots(self, project_folder: ProjectFolder) -> None:
        """The stack's other PostgreSQL, Airflow's, has the default wal_level."""
        config = load_config()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PG2ES_POSTGRES_PORT", str(config.ports["airflow_db"]))
            patch.setenv("PG2ES_POSTGRES_USER", "airflow")
            patch.setenv("PG2ES_POSTGRES_PASSWORD", config.credentials["AIRFLOW_DB_PASSWORD"])
            patch.setenv("PG2ES_POSTGRES_SUPERUSER", "airflow")
            patch.setenv("PG2ES_POSTGRES_SUPERUSER_PASSWORD", config.credentials["AIRFLOW_DB_PASSWORD"])
            name = sql.Identifier(project_folder.source)
            with connect("postgres", superuser=True) as session:
                session.execute(sql.SQL("CREATE DATABASE {}").format(name))
                try:
                    Database(project_folder.source).execute("CREATE TABLE public.a (id int PRIMARY KEY)")
                    project_folder.add_pipeline("a", "public.a")
                    found = only_problem(project_folder)
                finally:
                    session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        assert "wal_level is replica" in found.sentence
        assert "ALTER SYSTEM SET wal_level = logical" in found.mend

    @pytest.fixture
    def weak_role(self, shop: Database) -> Iterator[str]:
        """A role that may only connect."""
        role = sql.Identifier(shop.name)
        with connect("postgres", superuser=True) as session, pytest.MonkeyPatch.context() as patch:
            session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'weak'").format(role))
            patch.setenv("PG2ES_POSTGRES_USER", shop.name)
            patch.setenv("PG2ES_POSTGRES_PASSWORD", "weak")
            yield shop.name
        with connect(shop.name, superuser=True) as session:
            session.execute(sql.SQL("DROP OWNED BY {}").format(role))
            session.execute(sql.SQL("DROP ROLE {}").format(role))

    def test_a_role_without_rights(self, weak_role: str, project_folder: ProjectFolder) -> None:
        project_folder.add_pipeline("customers", "public.customers")
        found = problems(project_folder)
        assert [finding.severity for finding in found] == [Severity.ERROR] * len(found)
        mends = " ".join(finding.mend for finding in found)
        assert f'ALTER ROLE "{weak_role}" REPLICATION;' in mends
        assert f'GRANT SELECT ON "public"."customers" TO "{weak_role}";' in mends
        assert f'GRANT CREATE ON DATABASE "{weak_role}" TO "{weak_role}"' in mends
        assert f'GRANT "pg2es" TO "{weak_role}"' in mends

    def test_the_mends_mend(self, weak_role: str, project_folder: ProjectFolder) -> None:
        project_folder.add_pipeline("customers", "public.customers")
        for finding in problems(project_folder):
            if finding.mend:
                Database(weak_role).execute_as_superuser(finding.mend.split(";", maxsplit=1)[0])
        assert problems(project_folder) == []

    def test_rows_hidden_by_row_level_security(self, weak_role: str, project_folder: ProjectFolder) -> None:
        Database(weak_role).execute_as_superuser(
            "ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY",
            f'GRANT SELECT ON public.customers TO "{weak_role}"',
        )
        project_folder.add_pipeline("customers", "public.customers")
        assert any("Row-level security hides rows" in finding.sentence for finding in problems(project_folder))

    def test_a_publication_of_somebody_else(self, shop: Database, project_folder: ProjectFolder) -> None:
        add_orders(project_folder)
        name = project_folder.source_model().publication
        shop.execute_as_superuser(f"CREATE PUBLICATION {name} FOR TABLE public.orders")
        found = only_problem(project_folder)
        assert found.severity is Severity.ERROR
        assert "it lacks public.customers, public.items" in found.sentence
        for statement in filter(None, found.mend.split(";")):
            shop.execute_as_superuser(statement)
        assert problems(project_folder) == []

    def test_a_publication_that_deploying_will_extend(self, shop: Database, project_folder: ProjectFolder) -> None:
        add_orders(project_folder)
        name = project_folder.source_model().publication
        shop.execute(f"CREATE PUBLICATION {name} FOR TABLE public.orders")
        assert only_problem(project_folder).severity is Severity.WARNING


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
            ("SELECT id, 1 / (id - 2) AS x FROM root", "the document SQL does not run: division by zero"),
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


class TestServersThatDoNotAnswer:
    """Each ends in one sentence that names the server; the other checks go on."""

    def check(self, folder: ProjectFolder, *parts: str) -> None:
        found = problems(folder)
        matching = [finding for finding in found if all(part in finding.sentence for part in parts)]
        assert matching, found
        assert all("\n" not in finding.sentence and "Traceback" not in finding.sentence for finding in found)

    def test_elasticsearch(
        self, shop: Database, project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_orders(project_folder)
        monkeypatch.setenv("PG2ES_ELASTICSEARCH_URLS", "http://127.0.0.1:9")
        self.check(project_folder, "Elasticsearch cannot be reached", "is it up?")

    def test_connect(self, shop: Database, project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        add_orders(project_folder)
        monkeypatch.setenv("PG2ES_CONNECT_URLS", "http://127.0.0.1:9")
        self.check(project_folder, "No Kafka Connect worker could answer", "http://127.0.0.1:9")

    def test_postgres(self, shop: Database, project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        add_orders(project_folder)
        monkeypatch.setenv("PG2ES_POSTGRES_PORT", "9")
        self.check(project_folder, f"PostgreSQL {shop.name} at 127.0.0.1:9", "is the server up?")

    def test_kafka(self, shop: Database, project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        add_orders(project_folder)
        monkeypatch.setenv("PG2ES_KAFKA_BOOTSTRAP", "127.0.0.1:9")
        monkeypatch.setattr(preflight.platform, "KAFKA_TIMEOUT_S", 1)
        self.check(project_folder, "Kafka: connecting failed", "Are the brokers up?")

    @pytest.mark.parametrize(
        ("variable", "sentence"),
        [
            ("PG2ES_POSTGRES_PASSWORD", "PostgreSQL refuses the login"),
            ("PG2ES_ELASTICSEARCH_PASSWORD", "Elasticsearch refuses the login"),
            ("PG2ES_ELASTICSEARCH_SINK_PASSWORD", "Elasticsearch refuses the login"),
            ("PG2ES_CONNECT_PASSWORD", "Kafka Connect refuses the login"),
        ],
    )
    def test_a_wrong_password(
        self,
        shop: Database,
        project_folder: ProjectFolder,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
        sentence: str,
    ) -> None:
        add_orders(project_folder)
        monkeypatch.setenv(variable, "wrong")
        self.check(project_folder, sentence)
        assert all("wrong" not in finding.sentence for finding in problems(project_folder))

    def test_a_database_that_is_not_there(self, shop: Database, project_folder: ProjectFolder) -> None:
        add_orders(project_folder)
        path = f"sources/{project_folder.source}.yaml"
        settings = project_folder.source_model().postgres.model_dump() | {"database": "no_such_database"}
        project_folder.change(path, postgres=settings)
        self.check(project_folder, 'database "no_such_database" does not exist')

    def test_more_replicas_than_brokers(self, shop: Database, project_folder: ProjectFolder) -> None:
        add_orders(project_folder)
        kafka = {"bootstrap": "${env:PG2ES_KAFKA_BOOTSTRAP}", "replication_factor": 3}
        project_folder.change("platform.yaml", kafka=kafka)
        self.check(project_folder, "Topics with 3 replicas cannot be created on 1 broker(s)")


def test_a_sink_user_that_may_create_indices(
    shop: Database, project_folder: ProjectFolder, stack_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_orders(project_folder)
    monkeypatch.setenv("PG2ES_ELASTICSEARCH_SINK_USER", stack_environment["PG2ES_ELASTICSEARCH_USER"])
    monkeypatch.setenv("PG2ES_ELASTICSEARCH_SINK_PASSWORD", stack_environment["PG2ES_ELASTICSEARCH_PASSWORD"])
    found = only_problem(project_folder)
    assert found.severity is Severity.WARNING
    assert "may create" in found.sentence
