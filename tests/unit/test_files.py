"""Reading files: every error names the file, the key, what was found and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pg2es.core.config import Pipeline, Platform, Project, Source, check_urls, load_project, resolve_fields
from pg2es.core.config.files import FileModel, load_model
from pg2es.core.config.platform import AirflowSettings, ConnectSettings, ElasticsearchSettings, KafkaSettings
from pg2es.core.config.references import is_reference, resolve
from pg2es.core.errors import ConfigError
from pg2es.services.clients import Clients

FILE = Path("pipelines/orders.yaml")
PIPELINE: dict[str, Any] = {"name": "orders", "source": "shop", "table": "public.orders", "mapping": {}}
POSTGRES: dict[str, Any] = {"host": "h", "database": "d", "user": "u", "password": "${env:P}"}
SOURCE: dict[str, Any] = {"name": "shop", "postgres": POSTGRES}


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({"tabel": 1}, "tabel", "unknown key; allowed here: alias, backfill, document, errors, key"),
        ({"backfill": {"chunk": 1}}, "backfill.chunk", "unknown key; allowed here: chunks, parallelism"),
        ({"related": [{"table": "a.b", "root": "x"}]}, "related.0.root", "unknown key; allowed here: columns, root"),
        ({"table": None}, "table", "input should be a valid string"),
        ({"table": "orders"}, "table", "found 'orders'"),
        ({"backfill": {"parallelism": 0}}, "backfill.parallelism", "greater than or equal to 1, found 0"),
        ({"stream": {"tasks": "many"}}, "stream.tasks", "unable to parse string as an integer, found 'many'"),
        ({"alias": "Orders"}, "alias", "found 'Orders'"),
        ({"max_document_bytes": 10**9}, "max_document_bytes", "less than or equal to 94371840, found 1000000000"),
        ({"related": [{"table": "a.b"}]}, "related.0", "related table a.b needs either root_key or roots_sql"),
        (
            {"related": [{"table": "a.b", "root_key": "x", "roots_sql": "SELECT 1"}]},
            "related.0",
            "needs either root_key or roots_sql, one of the two",
        ),
        ({"related": [{"table": "a.b", "root_key": "x", "columns": "y"}]}, "related.0", "columns goes with roots_sql"),
        ({"mapping": {"aliases": {}}}, "mapping", "unknown parts aliases; allowed are settings and mappings"),
        ({"mapping": {"mappings": {"_source": {"enabled": False}}}}, "mapping", "must keep `_source` whole and stored"),
        ({"mapping": {"mappings": {"_source": {"mode": "synthetic"}}}}, "mapping", "must keep `_source` whole"),
        ({"mapping": {"mappings": {"_source": {"excludes": ["a"]}}}}, "mapping", "must keep `_source` whole"),
        ({"mapping": {"mappings": None}}, "mapping", "must have an object as mappings"),
        ({"mapping": {"mappings": {"_source": False}}}, "mapping", "must have an object as _source"),
        ({"mapping": {"settings": []}}, "mapping", "must have an object as settings"),
        ({"mapping": {"settings": {"index": {"final_pipeline": "x"}}}}, "mapping", "the setting index.final_pipeline"),
        ({"mapping": {"settings": {"index.default_pipeline": "x"}}}, "mapping", "the setting index.default_pipeline"),
        ({"mapping": {"settings": {"mapping": {"source": {"mode": "synthetic"}}}}}, "mapping", "mapping.source.mode"),
        ({"document": "SELECT '${env:SECRET}' FROM root"}, "document", r"holds ${env:SECRET}, for which Kafka Connect"),
        ({"mapping": {"mappings": {"_meta": {}}}}, "mapping", "must leave out _meta: it belongs to pg2es"),
        ({"mapping": {"mappings": {"properties": {"_pg2es": {}}}}}, "mapping", "must leave out _pg2es"),
        ({"document": " ; "}, "document", "holds no statement; write a SELECT"),
        ({"document": "-- nothing\n/* ; */"}, "document", "holds no statement; write a SELECT"),
        ({"document": "SELECT 1; SELECT 2"}, "document", "holds more than one statement; write a single SELECT"),
        ({"document": "SELECT id FROM root WHERE id = $1"}, "document", "holds the parameter $1, for which"),
        ({"document": "SELECT 'it''s FROM root"}, "document", "holds ' that is not closed"),
        ({"document": 'SELECT "id FROM root'}, "document", 'holds " that is not closed'),
        ({"document": "SELECT id /* the key FROM root"}, "document", "holds /* that is not closed"),
        ({"document": "SELECT $a$it's $b$ FROM root"}, "document", "holds $a$ that is not closed"),
        ({"reconcile": {"every_h": float("inf")}}, "reconcile.every_h", "input should be a finite number"),
        ({"reconcile": {"every_h": 1e12}}, "reconcile.every_h", "less than or equal to 8760, found 1000000000000.0"),
        ({"backfill": {"parallelism": 12}}, "backfill.parallelism", "less than or equal to 8, found 12"),
    ],
)  # fmt: skip
def test_a_pipeline_that_cannot_be(changes: dict[str, Any], key: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_model(FILE, Pipeline, PIPELINE | changes)
    assert raised.value.file == FILE
    assert raised.value.key == key
    assert sentence in raised.value.problem
    assert str(raised.value).startswith(f"pipelines/orders.yaml: {key}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({"postgres": POSTGRES | {"password": "hunter2"}}, "postgres.password", "a secret does not stand in a file"),
        ({"postgres": POSTGRES | {"sslmode": "on"}}, "postgres.sslmode", "found 'on'"),
        ({"postgres": POSTGRES | {"host": "http://a:b@c"}}, "postgres.host", "must be the name or address of a host"),
        ({"postgres": POSTGRES | {"host": "2001:db8::1"}}, "postgres.host", "write a name that leads to it"),
        ({"postgres": POSTGRES | {"port": "many"}}, "postgres.port", "found 'many'"),
        ({"postgres": POSTGRES | {"database": "50%"}}, "postgres.database", "has a %, with which Debezium finds no"),
        ({"postgres": POSTGRES | {"database": "a/b"}}, "postgres.database", "has a /, with which Debezium finds no"),
        ({"postgres": POSTGRES | {"sslrootcert": "/ca.pem"}}, "postgres", "write one of them"),
        ({"postgres": POSTGRES | {"sslcert": "/a.pem"}}, "postgres", "write sslcert and sslkey, or neither"),
        ({"postgres": {**POSTGRES, "pasword": "x"}}, "postgres.pasword", "unknown key; allowed here: database, host"),
        ({"slot": "My-Slot"}, "slot", "found 'My-Slot'"),
        ({"events": "some"}, "events", "should be 'keys' or 'full', found 'some'"),
        ({"debezium": {"snapshot.mode": "always"}}, "debezium", "snapshot.mode is not left to the file; options that"),
        ({"debezium": {"producer.override.acks": 0}}, "debezium", "producer.override.acks is not left to the file"),
        ({"debezium": {"producer.override.ssl.key.password": "hunter2"}}, "debezium", "a secret does not stand"),
        ({"debezium": {"max.batch.size": [1]}}, "debezium.max.batch.size", "should be a valid string"),
        ({"converter": {"apicurio.registry.url": "http://r"}}, "converter", "names no class; write class: and"),
        ({"converter": {"class": "x", "apicurio.auth.password": "hunter2"}}, "converter", "a secret does not stand"),
        (
            {"converter": {"class": "x", "x.headers.Authorization": "Basic hunter2"}},
            "converter",
            "a secret does not stand",
        ),
        ({"heartbeat_interval_ms": 5}, "heartbeat_interval_ms", "greater than or equal to 1000"),
    ],
)
def test_a_source_that_cannot_be(changes: dict[str, Any], key: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_model(Path("sources/shop.yaml"), Source, SOURCE | changes)
    assert raised.value.key == key
    assert sentence in raised.value.problem


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Source, SOURCE | {"postgres": POSTGRES | {"password": "hunter2"}}),
        (Source, SOURCE | {"postgres": POSTGRES | {"host": "http://user:hunter2@host"}}),
        (Source, SOURCE | {"debezium": {"producer.override.ssl.key.password": "hunter2"}}),
        (KafkaSettings, {"bootstrap": "a:1", "properties": {"sasl.password": "hunter2"}}),
        (KafkaSettings, {"bootstrap": "a:1", "properties": {"sasl.jaas.config": ["hunter2"]}}),
        (ConnectSettings, {"urls": "a", "producer_properties": {"sasl.jaas.config": 'password="hunter2"'}}),
        (KafkaSettings, {"bootstrap": "a:1", "properties": {"x.private.key.passphrase": {"value": "hunter2"}}}),
    ],
)
def test_a_secret_is_in_no_error(model: type[FileModel], values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        load_model(FILE, model, values)
    assert "hunter2" not in str(raised.value)


def test_all_that_is_wrong_in_a_file_is_said_at_once() -> None:
    wrong = {"name": "shop", "postgres": {"host": "h"}, "slot": "A B", "nonsense": 1, "debezium": {"acks": "1"}}
    with pytest.raises(ConfigError) as raised:
        load_model(FILE, Source, wrong)
    found = [raised.value, *raised.value.also]
    assert sorted(error.key for error in found) == [
        "debezium", "nonsense", "postgres.database", "postgres.password", "postgres.user", "slot",
    ]  # fmt: skip
    assert all(str(error).startswith(f"{FILE}: {error.key}: ") for error in found)


@pytest.mark.parametrize(
    "login",
    [
        {"url": "u", "user": "u"},
        {"url": "u", "user": "u", "password": "${env:P}", "token": "${env:T}"},
        {"user": "u", "password": "${env:P}"},
        {"token": "${env:T}"},
    ],
)
def test_airflow_takes_an_address_and_one_login(login: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="write url, and user and password, or token: one login"):
        load_model(FILE, AirflowSettings, login)


def test_where_airflow_is_has_to_be_said(tmp_path: Path) -> None:
    (tmp_path / "platform.yaml").write_text(
        yaml.safe_dump(
            {
                "elasticsearch": {"urls": "http://e:9200", "api_key": "${env:K}", "sink_api_key": "${env:K}"},
                "kafka": {"bootstrap": "k:9092"},
                "connect": {"urls": "http://c:8083"},
            }
        )
    )
    with pytest.raises(ConfigError, match=r"airflow\.url: is where\?"):
        _ = Clients(load_project(tmp_path)).airflow


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ({}, "write user and password, or api_key, or token: one login"),
        ({"user": "u"}, "write user and password, or api_key, or token: one login"),
        ({"password": "${env:P}"}, "write user and password, or api_key, or token: one login"),
        ({"user": "u", "password": "${env:P}", "api_key": "${env:K}"}, "write user and password, or api_key"),
        ({"user": "u", "password": "${env:P}", "sink_user": "s", "sink_password": None}, "write sink_user and"),
        ({"api_key": "hunter2"}, "a secret does not stand in a file"),
    ],
)
def test_elasticsearch_takes_one_login_for_each(login: dict[str, Any], sentence: str) -> None:
    settings = {"urls": "u", "sink_api_key": "${env:K}"} | login
    if "sink_user" in login:
        del settings["sink_api_key"]
    with pytest.raises(ConfigError, match=sentence) as raised:
        load_model(FILE, ElasticsearchSettings, settings)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("place", [{}, {"urls": "u", "cloud_id": "c"}])
def test_elasticsearch_is_at_one_place(place: dict[str, Any]) -> None:
    logins = {"api_key": "${env:K}", "sink_api_key": "${env:K}"}
    with pytest.raises(ConfigError, match="write urls, or cloud_id: one of them"):
        load_model(FILE, ElasticsearchSettings, logins | place)


def test_defaults_come_from_the_name() -> None:
    source = load_model(FILE, Source, SOURCE | {"name": "my-shop"})
    assert (source.slot, source.publication, source.topic_prefix) == ("pg2es_my_shop", "pg2es_my_shop", "my-shop")
    assert source.connector == "pg2es-source-my-shop"
    assert source.topic_of("public.orders") == "my-shop.public.orders"
    assert load_model(FILE, Pipeline, PIPELINE).alias == "orders"


def test_one_name_may_stand_for_a_list() -> None:
    related = {"table": "a.b", "root_key": "x"}
    pipeline = load_model(FILE, Pipeline, PIPELINE | {"key": "id", "related": [related, related | {"table": "c.d"}]})
    assert pipeline.key == ("id",)
    assert pipeline.related[0].root_key == ("x",)
    assert pipeline.tables == ("public.orders", "a.b", "c.d")


def test_the_closing_semicolon_of_an_sql_text_is_taken_off() -> None:
    assert load_model(FILE, Pipeline, PIPELINE | {"document": "SELECT 1 ;\n"}).document == "SELECT 1"


class TestReferences:
    def test_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("A_HOST", "example.org")
        assert resolve("http://${env:A_HOST}:1${env:A_HOST}", file=FILE, key="k") == "http://example.org:1example.org"

    def test_a_file(self, tmp_path: Path) -> None:
        secrets = tmp_path / "secrets.properties"
        secrets.write_text("# a=1\na = x=y\nb=2\n", encoding="utf-8")
        assert resolve(f"${{file:{secrets}:a}}", file=FILE, key="k") == "x=y"

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("a: 1", "1"),
            ("a 1", "1"),
            ("! b\n  a=1", "1"),
            ("a=1\na=2", "2"),
            ("a=x \\\n   y", "x y"),
            (r"a=x\\y\u0021", r"x\y!"),
            ("a=x ", "x "),
            ("a=ä", "ä"),
            ("a\\=b=1\na=2", "2"),
            ("a", ""),
        ],
    )
    def test_a_file_is_read_as_java_reads_it(self, tmp_path: Path, text: str, value: str) -> None:
        secrets = tmp_path / "secrets.properties"
        secrets.write_text(text, encoding="utf-8")
        assert resolve(f"${{file:{secrets}:a}}", file=FILE, key="k") == value

    def test_a_file_of_something_else(self, tmp_path: Path) -> None:
        secrets = tmp_path / "secrets.properties"
        secrets.write_text(r"a=\u00zz", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"secrets\.properties is no file of properties: "):
            resolve(f"${{file:{secrets}:a}}", file=FILE, key="k")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("${env:NOT_SET_ANYWHERE}", "the environment variable NOT_SET_ANYWHERE is not set; export it"),
            ("${file:/nowhere/at/all:a}", "cannot read /nowhere/at/all: No such file or directory"),
            ("${file:/dev/null:a}", "/dev/null has no entry a"),
        ],
    )
    def test_what_is_not_there(self, text: str, sentence: str) -> None:
        with pytest.raises(ConfigError, match=sentence) as raised:
            resolve(text, file=FILE, key="postgres.password")
        assert raised.value.key == "postgres.password"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("${env:A}", True), ("${file:/a:b}", True), ("x${env:A}", False), ("${env:}", False), ("a", False)],
    )
    def test_is_reference(self, text: str, *, expected: bool) -> None:
        assert is_reference(text) is expected

    def test_a_list_in_one_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("URLS", "http://a, http://b")
        settings = {"user": "u", "password": "${env:P}"}
        platform = Platform.model_validate(
            {
                "elasticsearch": settings | {"urls": "${env:URLS}", "sink_user": "s", "sink_password": "${env:P}"},
                "kafka": {"bootstrap": "k"},
                "connect": {"urls": ["http://c"]},
            }
        )
        monkeypatch.setenv("P", "secret")
        assert resolve_fields(platform.elasticsearch, FILE)["urls"] == ("http://a", "http://b")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SELECT 1;\n", "SELECT 1"),
        ("SELECT ';' AS \";\" -- ;\n FROM root; -- done", "SELECT ';' AS \";\" -- ;\n FROM root"),
        ("SELECT '$1', $tag$ ; $tag$, a$1 FROM root", "SELECT '$1', $tag$ ; $tag$, a$1 FROM root"),
        ("SELECT 1 -- last", "SELECT 1 -- last"),
    ],
)
def test_a_statement_ends_at_its_semicolon(written: str, read: str) -> None:
    assert load_model(FILE, Pipeline, PIPELINE | {"document": written}).document == read


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("es:9200", "expected http://host:port or https://host:port, found 'es:9200'"),
        ("http://[::1", "expected http://host:port or https://host:port, found 'http://[::1'"),
        ("http://es:99999", "expected http://host:port"),
        ("http://me:hush@es:9200", "an address holds a user; name user and password under keys of their own"),
    ],
)
def test_what_is_no_address(url: str, sentence: str) -> None:
    check_urls(["http://es:9200", "https://[::1]:9200/path"], FILE, "urls")
    with pytest.raises(ConfigError) as raised:
        check_urls([url], FILE, "urls")
    assert sentence in raised.value.problem
    assert "hush" not in str(raised.value)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        load_model(FILE, Source, SOURCE | {"postgres": POSTGRES | {"password": 12345678}})
    assert "12345678" not in str(raised.value)


def test_a_port_is_one() -> None:
    with pytest.raises(ConfigError, match="must be a port, 1 to 65535, found 70000"):
        load_model(FILE, Source, SOURCE | {"postgres": POSTGRES | {"port": 70000}})


class TestProject:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name, content in {
            "platform.yaml": "elasticsearch: {urls: u, user: u, password: '${env:P}', sink_user: s, "
            "sink_password: '${env:P}'}\nkafka: {bootstrap: k}\nconnect: {urls: c}",
            "sources/shop.yaml": "postgres: {host: h, database: d, user: u, password: '${env:P}', port: 5433}",
            "pipelines/orders.yaml": "source: shop\ntable: public.orders\ndocument: orders.sql",
            "documents/orders.sql": "SELECT * FROM root;",
            "mappings/orders.json": '{"mappings": {"dynamic": false}}',
        }.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return tmp_path

    def check(self, folder: Path, file: str, sentence: str) -> None:
        """What is wrong is set aside, with a sentence."""
        found = [str(one.error) for one in load_project(folder).aside if one.error.file == folder / file]
        assert any(sentence in error for error in found), load_project(folder).aside

    def test_everything_together(self, folder: Path) -> None:
        project = load_project(folder)
        orders = project.pipeline("orders")
        assert orders.document == "SELECT * FROM root"
        assert orders.mapping == {"mappings": {"dynamic": False}}
        assert project.source_of(orders).postgres.port == "5433"
        assert project.pipelines_of(project.source("shop")) == [orders]

    def test_the_files_of_this_project(self) -> None:
        project = load_project(Path(__file__).parents[2] / "include")
        assert isinstance(project, Project)
        assert set(project.pipelines) == {"customers", "orders", "products"}

    @pytest.mark.parametrize(
        ("file", "content", "where", "sentence"),
        [
            ("pipelines/orders.yaml", "name: x", "pipelines/orders.yaml", "name: is not written: the file's name"),
            ("pipelines/orders.yaml", "", "pipelines/orders.yaml", "expected keys and values, found nothing"),
            (
                "pipelines/orders.yaml",
                "source: shop\ntable: a.b\ndocument: ../x.sql",
                "pipelines/orders.yaml",
                "document: expected the name of a file in documents/, found '../x.sql'",
            ),
            (
                "pipelines/orders.yaml",
                "source: shop\ntable: a.b\nmapping: nope.json",
                "pipelines/orders.yaml",
                "mapping: cannot read",
            ),
            ("mappings/orders.json", "[]", "mappings/orders.json", "expected an object with settings and mappings"),
            ("pipelines/other.yaml", "source: shop\ntable: a.b\nalias: orders\nmapping: orders.json",
             "pipelines/other.yaml", "alias: orders is also that of pipeline orders; neither is used until one has"),
            ("sources/two.yaml", "topic_prefix: shop\npostgres: {host: h, database: d, user: u, password: '${env:P}'}",
             "sources/two.yaml", "topic_prefix: shop is also that of source shop; neither is used until one has"),
            ("sources/airflow.yaml", "postgres: {host: h, database: d, user: u, password: '${env:P}'}",
             "sources/airflow.yaml", "name: is reserved: pg2es_airflow is the connection to Airflow"),
            ("pipelines/orders.yaml", "source: shop\ntable: a.b\ntable: a.c", "pipelines/orders.yaml",
             "is not YAML in line 3: table comes twice"),
            ("pipelines/orders.yaml", "source: \x07", "pipelines/orders.yaml",
             "is not YAML: the character U+0007 at position 8 is not allowed"),
            ("pipelines/orders.yaml", "[" * 5000, "pipelines/orders.yaml", "is not YAML: it is nested too deeply"),
            ("pipelines/orders.yaml", "1: x", "pipelines/orders.yaml", "expected keys that are texts, found 1"),
            ("pipelines/more.yml", "source: shop", "pipelines/more.yml", "is not read, as its name does not end in"),
            ("mappings/orders.json", '{"mappings": {"a": 1, "a": 2}}', "mappings/orders.json", "a comes twice"),
            ("mappings/orders.json", '{"mappings": NaN}', "mappings/orders.json", "NaN is no number of JSON"),
            ("mappings/orders.json", "[" * 200000, "mappings/orders.json", "it is nested too deeply"),
            ("pipelines/two.yaml", ("source: shop\ntable: public.orders\nmapping: orders.json\n"
             "related: [{table: public.a$b, root_key: x}, {table: public.a_b, root_key: x}]"),
             "pipelines/two.yaml", "table: table public.a$b and table public.a_b share the topic shop.public.a_b"),
            ("sources/two.yaml",
             "dead_letter_topic: shop.dead-letters\npostgres: {host: h, database: d, user: u, password: '${env:P}'}",
             "sources/two.yaml", "dead_letter_topic: shop.dead-letters is the topic of source shop already"),
            ("sources/shop.yaml",
             "dead_letter_topic: shop.public.orders\npostgres: {host: h, database: d, user: u, password: '${env:P}'}",
             "sources/shop.yaml", "dead_letter_topic: shop.public.orders is the topic of table public.orders already"),
            ("sources/shop.yaml",
             "dead_letter_topic: a topic\npostgres: {host: h, database: d, user: u, password: '${env:P}'}",
             "sources/shop.yaml", "dead_letter_topic: "),
            ("pipelines/orders.yaml", "source: shop\ntable: a.b\nerrors: {retry_initial_ms: 500, retry_max_ms: 100}",
             "pipelines/orders.yaml", "errors: retry_initial_ms = 500 is above retry_max_ms = 100"),
            ("pipelines/Bad Name.yaml", "source: shop\ntable: a.b\nmapping: orders.json",
             "pipelines/Bad Name.yaml", "name: "),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, folder: Path, file: str, content: str, where: str, sentence: str) -> None:
        (folder / file).write_text(content, encoding="utf-8")
        self.check(folder, where, sentence)

    def test_a_missing_platform(self, folder: Path) -> None:
        (folder / "platform.yaml").unlink()
        with pytest.raises(ConfigError, match=r"platform\.yaml: cannot be read: No such file or directory"):
            load_project(folder)

    @pytest.mark.parametrize("file", ["pipelines/orders.yaml", "documents/orders.sql", "mappings/orders.json"])
    def test_texts_are_utf8_with_or_without_a_mark(self, folder: Path, file: str) -> None:
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(b"\xef\xbb\xbf" + content)
        assert load_project(folder).aside == ()
        (folder / file).write_bytes(content + "\n# Größe".encode("latin-1"))
        self.check(folder, file, "is not UTF-8 in line ")

    def test_what_is_wrong_stops_nobody_else(self, folder: Path) -> None:
        (folder / "pipelines" / "broken.yaml").write_text("source: shop\ntable: nowhere")
        (folder / "pipelines" / "torn.yaml").write_text("source: [")
        (folder / "pipelines" / "orders.yml").write_text("source: shop")
        (folder / "sources" / "other.yaml").write_text("postgres: 1")
        (folder / "pipelines" / "ofother.yaml").write_text("source: other\ntable: a.b\nmapping: orders.json")
        project = load_project(folder)
        assert list(project.pipelines) == ["orders"]
        assert [one.name for one in project.aside] == ["other", "broken", "ofother", "orders", "torn"]
        shop = project.source("shop")
        assert [(one.name, one.source) for one in project.aside_of(shop)] == [("broken", "shop"), ("torn", None)]
        with pytest.raises(ConfigError, match=r"broken\.yaml: mapping: .* Pipeline broken may belong to source shop"):
            project.check_whole(shop)
        with pytest.raises(ConfigError, match=r"broken\.yaml: mapping: "):
            project.pipeline("broken")
        with pytest.raises(ConfigError, match=r"other\.yaml: postgres: "):
            project.source("other")

    def test_two_sources_never_share_a_slot_or_a_connection(self, folder: Path) -> None:
        postgres = "postgres: {host: h, database: d, user: u, password: '${env:P}'}\n"
        (folder / "sources" / "a-b.yaml").write_text(postgres)
        (folder / "sources" / "a_b.yaml").write_text(postgres)
        (folder / "sources" / "c.yaml").write_text(postgres + "slot: one")
        (folder / "sources" / "d.yaml").write_text(postgres + "slot: one")
        (folder / "sources" / "e.yaml").write_text(postgres.replace("host: h", "host: i") + "slot: one")
        assert sorted(load_project(folder).sources) == ["e", "shop"]

    def test_unknown_names_list_the_known(self, folder: Path) -> None:
        project = load_project(folder)
        with pytest.raises(ConfigError, match="there is no pipeline x; known: orders"):
            project.pipeline("x")
        with pytest.raises(ConfigError, match="there is no source x; known: shop"):
            project.source("x")
