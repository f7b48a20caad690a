"""What the connectors are told."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg2es.core.config import Events, Pipeline, Platform, Source, Tolerance
from pg2es.core.config.debezium import check_options
from pg2es.core.config.pipeline import ErrorSettings
from pg2es.core.errors import CatalogError
from pg2es.core.sql import DocumentSql
from pg2es.core.stream import Config
from pg2es.core.stream.connectors import SinkTarget, captured_tables, sink_config, source_config
from pg2es.core.table import Column, ReplicaIdentity, Table, key_of

SECRET = "${env:P}"
SOURCE = Source.model_validate(
    {"name": "shop", "postgres": {"host": "${env:H}", "database": "d", "user": "u", "password": SECRET}}
)
PLATFORM = Platform.model_validate(
    {
        "elasticsearch": {"urls": "u", "user": "u", "password": SECRET, "sink_user": "s", "sink_password": SECRET},
        "kafka": {"bootstrap": "k", "replication_factor": 3},
        "connect": {"urls": "c"},
    }
)
RESOLVED = {"host": "db", "port": "5432", "database": "shop", "user": "pg2es", "sslmode": "prefer"}
TARGET = SinkTarget(
    postgres_url="jdbc:postgresql://db/shop",
    postgres_user="pg2es",
    postgres_password=SECRET,
    elasticsearch_urls=("http://a", "http://b"),
    elasticsearch_login={"elasticsearch.user": "pg2es_sink", "elasticsearch.password": SECRET},
    ca_certificate=None,
    client_certificate=None,
    kafka_bootstrap="kafka:9092",
)

names = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters="."), min_size=1, max_size=20
)


def table(name: str, *columns: str, key: int = 1) -> Table:
    found = tuple(Column(column, "bigint", not_null=True) for column in columns)
    return Table(name, found, columns[:key], ReplicaIdentity.DEFAULT, columns[:key])


def pipeline(name: str, root: Table, *related: dict[str, object]) -> tuple[Pipeline, DocumentSql]:
    made = Pipeline.model_validate(
        {"name": name, "source": "shop", "table": root.name, "mapping": {}, "related": list(related)}
    )
    return made, DocumentSql(made, root, key_of(root, None))


ORDERS = table("public.orders", "id", "customer_id", "total")
ITEMS = table("public.items", "order_id", "line", "price", key=2)
CUSTOMERS = table("public.customers", "id", "name")
RELATED: list[dict[str, object]] = [
    {"table": "public.items", "root_key": "order_id"},
    {"table": "public.customers", "roots_sql": "SELECT o.id FROM orders o JOIN changed ON o.customer_id = changed.id"},
]
TABLES = {"public.items": ITEMS, "public.customers": CUSTOMERS}


@pytest.fixture
def orders() -> tuple[Pipeline, DocumentSql]:
    return pipeline("orders", ORDERS, *RELATED)


def render(orders: tuple[Pipeline, DocumentSql], server_version: int = 180000) -> Config:
    made, sql = orders
    return sink_config(made, SOURCE, PLATFORM, "orders-000001", sql, TABLES, TARGET, server_version)


def test_no_name_of_a_column_is_a_reference_to_a_secret() -> None:
    with pytest.raises(CatalogError, match=r"x: \$\{env:P\} would stand in the option key.columns of its sink"):
        render(pipeline("x", table("public.x", SECRET)))


def test_a_reference_of_another_type_is_looked_up_by_value() -> None:
    made, sql = pipeline("orders", ORDERS, {"table": "public.items", "root_key": "order_id"})
    padded = Table(ITEMS.name, (Column("order_id", "numeric(10,2)", not_null=True),), (), ReplicaIdentity.FULL, ())
    config = sink_config(made, SOURCE, PLATFORM, "orders-000001", sql, {"public.items": padded}, TARGET, 180000)
    assert 'root."id" = changed."order_id"::bigint' in config["route.related1.sql"]
    assert "route.related1.sql" not in render((made, sql))


def test_a_reference_that_has_not_the_columns_of_the_key_is_named() -> None:
    made, sql = pipeline("orders", ORDERS, {"table": "public.items", "root_key": ["order_id", "line"]})
    with pytest.raises(CatalogError, match=r"public.items has 2 column\(s\), but the key of public.orders has 1: id"):
        render((made, sql))


class TestSource:
    def test_events_carry_keys_and_routes_alone(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        other = pipeline("customers", CUSTOMERS)
        captured = captured_tables(SOURCE, [(*orders, TABLES), (*other, {})])
        assert {entry.table.name: entry.columns for entry in captured} == {
            "public.customers": ("id",),
            "public.items": ("order_id", "line"),
            "public.orders": ("id",),
        }
        config = source_config(SOURCE, captured, RESOLVED)
        assert config["column.include.list"].split(",") == [
            r"public\.customers\.id",
            r"public\.items\.order_id",
            r"public\.items\.line",
            r"public\.orders\.id",
        ]

    def test_whole_rows_where_they_are_wanted(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        source = SOURCE.model_copy(update={"events": Events.FULL})
        config = source_config(source, captured_tables(SOURCE, [(*orders, TABLES)]), RESOLVED)
        assert "column.include.list" not in config

    def test_options_of_the_file_go_over_ours_but_for_those_that_events_depend_on(self) -> None:
        options = {"max.batch.size": 4096, "poll.interval.ms": "10", "driver.tcpKeepAlive": True}
        source = Source.model_validate({**SOURCE.model_dump(), "debezium": options})
        config = source_config(source, [], RESOLVED)
        assert {name: config[name] for name in options} == {
            "max.batch.size": "4096",
            "poll.interval.ms": "10",
            "driver.tcpKeepAlive": "true",
        }
        ours = source_config(SOURCE, [], RESOLVED)
        allowed = set[str]()
        for name in ours:
            with suppress(ValueError):
                check_options({name: "x"})
                allowed.add(name)
        assert {name for name in allowed if not name.startswith("producer.override.")} == {
            "driver.socketTimeout",
            "poll.interval.ms",
            "retriable.restart.connector.wait.ms",
        }

    def test_others_may_read_the_topics_with_a_registry(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        registry = {"apicurio.registry.url": "http://registry/apis", "apicurio.auth.client.secret": SECRET}
        source = Source.model_validate({**SOURCE.model_dump(), "converter": {"class": "AvroConverter", **registry}})
        written = source_config(source, captured_tables(source, [(*orders, TABLES)]), RESOLVED)
        made, sql = orders
        read = sink_config(made, source, PLATFORM, "orders-000001", sql, TABLES, TARGET, 180000)
        for config, sides in ((written, ("key", "value")), (read, ("value",))):
            for side in sides:
                assert config[f"{side}.converter"] == "AvroConverter"
                assert config[f"{side}.converter.apicurio.registry.url"] == "http://registry/apis"
                assert config[f"{side}.converter.apicurio.auth.client.secret"] == SECRET
                assert f"{side}.converter.schemas.enable" not in config
        assert read["key.converter"].endswith("ByteArrayConverter")

    def test_a_null_that_would_be_told_as_a_default_is_told(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        registry = SOURCE.model_copy(update={"converter": {"class": "x.AvroConverter"}})
        owner = Column("owner", "bigint", not_null=False, has_default=True)
        customers = Table(CUSTOMERS.name, (owner,), ("owner",), ReplicaIdentity.FULL, ("owner",))
        tables = {"public.items": ITEMS, "public.customers": customers}
        with pytest.raises(
            CatalogError, match=r"Column owner of table public.customers has a default, which x.AvroConverter"
        ):
            captured_tables(registry, [(*orders, tables)])
        captured_tables(SOURCE, [(*orders, tables)])
        captured_tables(registry, [(*orders, TABLES)])

    def test_a_name_that_a_schema_cannot_have_is_told(self) -> None:
        source = Source.model_validate({**SOURCE.model_dump(), "converter": {"class": "x.AvroConverter"}})
        related: dict[str, Table] = {}
        odd = (*pipeline("x", table("public.x", "id", "the note")), related)
        captured_tables(source, [odd])  # the events carry the key alone
        whole = source.model_copy(update={"events": Events.FULL})
        with pytest.raises(
            CatalogError, match=r"Column the note of table public\.x can have no such name in events of x"
        ):
            captured_tables(whole, [odd])
        captured_tables(whole.model_copy(update={"converter": {"class": "x.JsonConverter"}}), [odd])

    def test_a_password_stays_a_reference(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        config = source_config(SOURCE, captured_tables(SOURCE, [(*orders, TABLES)]), RESOLVED)
        assert config["database.password"] == SECRET
        assert config["database.hostname"] == "db"

    @given(names, names)
    def test_a_pattern_matches_its_name_alone(self, schema: str, name: str) -> None:
        captured = captured_tables(SOURCE, [(*pipeline("x", table(f"{schema}.{name}", "id")), {})])
        pattern = source_config(SOURCE, captured, RESOLVED)["table.include.list"]
        assert re.fullmatch(pattern, f"{schema}.{name}")
        assert not re.fullmatch(pattern, f"{schema}x{name}")
        assert not re.fullmatch(pattern, f"{schema}.{name}x")
        assert not re.fullmatch(pattern, f"x{schema}.{name}")
        assert re.search(r"(?<!\\)(\\\\)*,", pattern) is None  # where Debezium divides the list

    @pytest.mark.parametrize(
        ("name", "topic"),
        [
            ("pub-lic.a_b", "shop.pub-lic.a_b"),
            ("public.Größe", "shop.public.Gr__e"),
            ("public.a,$b", "shop.public.a__b"),
            ("public.😀x", "shop.public.__x"),
        ],
    )
    def test_topics_are_named_as_debezium_does(self, name: str, topic: str) -> None:
        """The expected names are those of Debezium 3.7's SchemaTopicNamingStrategy."""
        assert SOURCE.topic_of(name) == topic


class TestSink:
    def test_routes(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        config = render(orders)
        assert config["routes"] == "root,related1,related2"
        assert config["topics"] == (
            "shop.public.customers,shop.public.items,shop.public.orders,shop.orders-refresh,shop.orders-refresh-later"
        )
        assert {name: value for name, value in config.items() if name.startswith("route.")} == {
            "route.root.topic": "shop.public.orders",
            "route.root.columns": "id",
            "route.related1.topic": "shop.public.items",
            "route.related1.columns": "order_id",
            "route.related2.topic": "shop.public.customers",
            "route.related2.columns": "id",
            "route.related2.sql": config["route.related2.sql"],
        }
        assert "JOIN changed" in config["route.related2.sql"]

    def test_secrets_stay_references(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        config = render(orders)
        assert {name: value for name, value in config.items() if "password" in name} == {
            "postgres.password": SECRET,
            "elasticsearch.password": SECRET,
        }

    def test_the_flush_is_that_of_the_server(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        assert render(orders, 180000)["sql.flush"] == "SELECT pg_logical_emit_message(false, 'pg2es', '', true)"
        assert "synchronous_commit = on" in render(orders, 160004)["sql.flush"]

    def test_nothing_is_skipped_silently(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        config = render(orders)
        assert config["errors.tolerance"] == "all"
        assert config["errors.deadletterqueue.topic.name"] == "shop.dead-letters"
        assert config["errors.deadletterqueue.topic.replication.factor"] == "3"
        assert config["consumer.override.auto.offset.reset"] == "none"

    def test_the_sink_stops_at_what_it_cannot_write_where_that_is_wanted(
        self, orders: tuple[Pipeline, DocumentSql]
    ) -> None:
        made, sql = orders
        errors = ErrorSettings(tolerance=Tolerance.NONE, retry_initial_ms=50, retry_max_ms=100)
        config = render((made.model_copy(update={"errors": errors}), sql))
        assert config["errors.tolerance"] == "none"
        assert not [name for name in config if "deadletterqueue" in name]
        assert (config["retry.initial.ms"], config["retry.max.ms"]) == ("50", "100")

    def test_a_certificate_is_told_where_there_is_one(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        assert "elasticsearch.ca.certificate" not in render(orders)

    def test_every_value_is_a_text(self, orders: tuple[Pipeline, DocumentSql]) -> None:
        assert all(isinstance(value, str) for value in render(orders).values())
