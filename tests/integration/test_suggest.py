"""`pg2es suggest`: what it writes is sound for every type that PostgreSQL has, with the values that are hardest."""

import json
from typing import Any

import pytest
import yaml
from elasticsearch import Elasticsearch

from pg2es.core.errors import CatalogError, ConfigError
from pg2es.core.preflight import Severity
from pg2es.services import preflight
from pg2es.services.suggest import Suggested, suggest
from tests.support import Database, ProjectFolder

TYPES = (
    "CREATE TYPE public.mood AS ENUM ('happy', 'sad')",
    "CREATE TYPE public.place AS (street text, number int)",
    "CREATE DOMAIN public.email AS varchar(200) CHECK (VALUE LIKE '%@%')",
    "CREATE DOMAIN public.amounts AS numeric(10, 2)[]",
)

# Column type, values that it must take, and the field that is suggested for it.
COLUMNS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("boolean", ["true"], {"type": "boolean"}),
    ("smallint", ["-32768"], {"type": "short"}),
    ("integer", ["2147483647"], {"type": "integer"}),
    ("bigint", ["-9223372036854775808"], {"type": "long"}),
    ("real", ["'NaN'", "'-Infinity'", "3.4e38"], {"type": "float", "ignore_malformed": True}),
    ("double precision", ["'NaN'", "'Infinity'", "1e308"], {"type": "double", "ignore_malformed": True}),
    ("numeric(12, 2)", ["1234567890.12", "'NaN'"], {"type": "double", "ignore_malformed": True}),
    ("numeric", ["'NaN'", "'Infinity'", "1e400", "0.1234567890123456789"], {"type": "double"}),
    ("text", ["repeat('ä', 40000)", "''"], {"type": "text"}),
    ("varchar(20)", ["'code'"], {"type": "keyword", "ignore_above": 256}),
    ("varchar(255)", ["'a name'"], {"type": "text"}),
    ("char(3)", ["'de'"], {"type": "keyword", "ignore_above": 256}),
    ("uuid", ["gen_random_uuid()"], {"type": "keyword"}),
    ("date", ["'2024-02-29'", "'infinity'", "'0044-03-15 BC'", "'20240-01-01'"], {"type": "date"}),
    ("timestamp", ["'2024-02-29 12:00:00.123456'", "'-infinity'", "'0044-03-15 BC'"], {"type": "date"}),
    ("timestamptz", ["'2024-02-29 12:00:00.5+05:30'", "'infinity'", "'294276-01-01'"], {"type": "date"}),
    ("time", ["'24:00:00'"], {"type": "keyword", "ignore_above": 256}),
    ("timetz", ["'12:00+14'"], {"type": "keyword", "ignore_above": 256}),
    ("interval", ["'-1 year 2 days'"], {"type": "keyword", "ignore_above": 256}),
    ("json", ["'[1, {\"a\": null}]'", "'\"text\"'", "'{\"a\": 1}'"], {"type": "object", "enabled": False}),
    ("jsonb", ["'3'", '\'{"a": {"b": [1, "x"]}}\'', "'[]'"], {"type": "object", "enabled": False}),
    ("bytea", ["'\\x00ff'", "''"], {"type": "object", "enabled": False}),
    ("inet", ["'192.168.0.1'", "'192.168.0.1/24'", "'::1'"], {"type": "ip", "ignore_malformed": True}),
    ("cidr", ["'10.0.0.0/8'", "'2001:db8::/32'"], {"type": "ip_range"}),
    ("macaddr", ["'08:00:2b:01:02:03'"], {"type": "keyword", "ignore_above": 256}),
    ("money", ["1234.5"], {"type": "keyword", "ignore_above": 256}),
    ("bit varying", ["B'101'"], {"type": "keyword", "ignore_above": 256}),
    ("point", ["'(1,2)'"], {"type": "keyword", "ignore_above": 256}),
    ("int4range", ["'[1,5)'", "'empty'"], {"type": "keyword", "ignore_above": 256}),
    ("tstzmultirange", ["'{[2024-01-01,2024-02-01)}'"], {"type": "keyword", "ignore_above": 256}),
    ("tsvector", ["'a fat cat'"], {"type": "object", "enabled": False}),
    ("xml", ["'<a/>'"], {"type": "text"}),
    ("pg_lsn", ["'0/1'"], {"type": "keyword", "ignore_above": 256}),
    ("oid", ["4294967295"], {"type": "long"}),
    ("public.mood", ["'sad'"], {"type": "keyword"}),
    ("public.place", ["ROW('High Street', 1)"], {"type": "object", "enabled": False}),
    ("public.email", ["'a@example.org'"], {"type": "text"}),
    ("public.amounts", ["'{1.5,NULL,2}'"], {"type": "double", "ignore_malformed": True}),
    ("text[]", ["'{a,NULL,\"x y\"}'", "'{{a,b},{c,d}}'"], {"type": "text"}),
    ("integer[]", ["'{}'"], {"type": "integer"}),
    ("timestamptz[]", ["'{2024-01-01,infinity}'"], {"type": "date"}),
    ("public.place[]", ["ARRAY[ROW('a', 1), ROW('b', 2)]::public.place[]"], {"type": "object", "enabled": False}),
    ("jsonb[]", ["ARRAY['1', '{}']::jsonb[]"], {"type": "object", "enabled": False}),
    ("pg_snapshot", ["pg_current_snapshot()"], {"type": "object", "enabled": False}),
]


def run(folder: ProjectFolder, table: str, name: str | None = "zoo", *, force: bool = False) -> Suggested:
    return suggest(folder.clients(), folder.source, table, name=name, force=force)


def mapping_of(written: Suggested) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(written.mapping.read_text(encoding="utf-8"))
    return content["mappings"]["properties"]  # type: ignore[no-any-return]


@pytest.fixture
def zoo(database: Database) -> Database:
    """A table with a column of every type, and rows with every value."""
    columns = ", ".join(f"c{number} {type_name}" for number, (type_name, _, _) in enumerate(COLUMNS))
    database.execute(*TYPES, f"CREATE TABLE public.zoo (id int PRIMARY KEY, {columns})")
    for row in range(max(len(values) for _, values, _ in COLUMNS)):
        values = ", ".join(values[row] if row < len(values) else "NULL" for _, values, _ in COLUMNS)
        database.execute(f"INSERT INTO public.zoo VALUES ({row}, {values})")
    return database


def test_every_type_has_its_field(zoo: Database, project_folder: ProjectFolder) -> None:
    fields = mapping_of(run(project_folder, "public.zoo"))
    for number, (type_name, _, expected) in enumerate(COLUMNS):
        assert expected.items() <= fields[f"c{number}"].items(), type_name


def test_what_is_written_passes_the_preflight(zoo: Database, project_folder: ProjectFolder) -> None:
    """It includes that Elasticsearch takes the documents of all rows."""
    written = run(project_folder, "public.zoo")
    content = yaml.safe_load(written.pipeline.read_text(encoding="utf-8"))
    project_folder.write("pipelines/zoo.yaml", content | {"alias": f"{project_folder.prefix}zoo"})
    clients = project_folder.clients()
    found = list(preflight.run(clients, [clients.project.pipeline("zoo")]))
    assert [finding for finding in found if finding.severity is not Severity.INFO] == []
    assert len(zoo.fetch("SELECT FROM zoo")) == 4


def test_what_is_searchable_is_found(
    zoo: Database, project_folder: ProjectFolder, elasticsearch: Elasticsearch
) -> None:
    """Values that a field cannot hold are left out of it, the rest of the document is not."""
    fields = mapping_of(run(project_folder, "public.zoo"))
    index = f"{project_folder.prefix}zoo"
    elasticsearch.indices.create(index=index, mappings={"dynamic": False, "properties": fields})
    number = next(n for n, (name, _, _) in enumerate(COLUMNS) if name == "numeric")
    elasticsearch.index(index=index, id="1", document={"id": 1, f"c{number}": "NaN"}, refresh=True)
    elasticsearch.index(index=index, id="2", document={"id": 2, f"c{number}": 2.5}, refresh=True)
    found = elasticsearch.search(index=index, query={"range": {f"c{number}": {"gt": 2}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["2"]
    found = elasticsearch.search(index=index, query={"term": {"id": 1}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]


def test_the_files(database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.orders (id bigint PRIMARY KEY, meta jsonb)")
    written = run(project_folder, "public.orders", None)
    assert written.pipeline == project_folder.folder / "pipelines" / "orders.yaml"
    text = written.pipeline.read_text(encoding="utf-8")
    assert yaml.safe_load(text) == {"source": project_folder.source, "table": "public.orders"}
    assert "meta: kept, not searchable" in text
    pipeline = project_folder.clients().project.pipeline("orders")
    assert pipeline.alias == "orders"
    assert pipeline.mapping["mappings"]["dynamic"] is False


def test_nothing_is_overwritten_without_force(database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.orders (id bigint PRIMARY KEY)")
    written = run(project_folder, "public.orders")
    with pytest.raises(ConfigError, match="is there already; give another --name, or --force"):
        run(project_folder, "public.orders")
    database.execute("ALTER TABLE public.orders ADD status text")
    run(project_folder, "public.orders", force=True)
    assert "status" in mapping_of(written)


def test_the_best_key_is_named_where_there_is_no_primary_key(database: Database, project_folder: ProjectFolder) -> None:
    database.execute(
        "CREATE TABLE public.a (f double precision NOT NULL UNIQUE, x int UNIQUE, b int NOT NULL, c text NOT NULL)",
        "CREATE UNIQUE INDEX ON public.a (c, b) INCLUDE (x)",
        "CREATE UNIQUE INDEX ON public.a (b) WHERE b > 0",
    )
    written = run(project_folder, "public.a")
    assert yaml.safe_load(written.pipeline.read_text(encoding="utf-8"))["key"] == ["c", "b"]


def test_a_table_without_key(database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.a (b int UNIQUE)")
    with pytest.raises(CatalogError, match="has no primary key; add one"):
        run(project_folder, "public.a")
    assert not (project_folder.folder / "pipelines").exists()


@pytest.mark.parametrize(
    ("table", "name", "sentence"),
    [
        ("orders", None, "write the table as schema.table, not 'orders'"),
        ("public.Straße", None, "is no name of a pipeline|has no table"),
        ("public.1st", None, "'1st' is no name of a pipeline"),
        ("public.orders", "Orders", "'Orders' is no name of a pipeline"),
        ("public.nothing", None, "has no table public.nothing"),
    ],
)
def test_names_that_cannot_be(
    database: Database, project_folder: ProjectFolder, table: str, name: str | None, sentence: str
) -> None:
    with pytest.raises((ConfigError, CatalogError), match=sentence):
        run(project_folder, table, name)


def test_an_alias_that_is_taken(database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.orders (id bigint PRIMARY KEY)")
    run(project_folder, "public.orders", "first")
    project_folder.change("pipelines/first.yaml", alias="second")
    with pytest.raises(ConfigError, match="second is the alias of pipeline first"):
        run(project_folder, "public.orders", "second")
