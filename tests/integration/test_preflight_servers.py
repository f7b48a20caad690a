"""The preflight's look at the servers: rights, settings, and what does not answer."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from pg2es.core.preflight import Severity
from pg2es.services.preflight import platform
from stack.config import load_config
from tests.integration.preflight_harness import SHOP, add_orders, only_problem, problems
from tests.support import Database, ProjectFolder, connect


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(*SHOP)
    return database


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
        monkeypatch.setattr(platform, "KAFKA_TIMEOUT_S", 1)
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
