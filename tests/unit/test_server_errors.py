"""Errors of the servers in pg2es' words: by type and code, and by text only where a server tells nothing else."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from elastic_transport import ApiResponseMeta, ConnectionTimeout, HttpHeaders, NodeConfig
from elasticsearch import ApiError

from pg2es.adapters import elasticsearch, postgres
from pg2es.adapters.kafka.client import KafkaAccess, end_offsets
from pg2es.adapters.kafka.client import translate_errors as translate_kafka
from pg2es.core.errors import (
    AccessDenied,
    CatalogError,
    DocumentSqlError,
    ElasticsearchUnavailable,
    GenerationError,
    KafkaRefused,
    KafkaUnavailable,
    Pg2esError,
    PostgresUnavailable,
    TooSlow,
    UnreadableRow,
)
from stack.config import CHECKOUT

LOGIN = 'connection failed: connection to server at "db", port 5432 failed: FATAL:  '


@pytest.mark.parametrize(
    ("error", "expected", "sentence"),
    [
        (
            psycopg.OperationalError(f"{LOGIN}password authentication failed for user"),
            AccessDenied,
            "refuses the login",
        ),
        (psycopg.OperationalError(f"{LOGIN}no pg_hba.conf entry for host"), AccessDenied, "refuses the login"),
        (psycopg.OperationalError(f'{LOGIN}database "x" does not exist'), CatalogError, "Correct the name"),
        (psycopg.OperationalError("connection refused"), PostgresUnavailable, "is the server up?"),
        (psycopg.errors.AdminShutdown("terminating"), PostgresUnavailable, "gave up"),
        (psycopg.errors.DeadlockDetected("deadlock"), PostgresUnavailable, "gave up"),
        (psycopg.errors.InsufficientPrivilege("permission denied"), AccessDenied, "Grant the right"),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), TooSlow, "took too long"),
        (psycopg.errors.ObjectInUse("slot x is active"), PostgresUnavailable, "slot x is active. It is tried again"),
        (psycopg.errors.LockNotAvailable("lock timeout"), PostgresUnavailable, "lock timeout. It is tried again"),
        (psycopg.errors.TooManyConnections("too many clients"), PostgresUnavailable, "lacks what it needs"),
        (psycopg.errors.DiskFull("no space"), PostgresUnavailable, "lacks what it needs .no space"),
        (psycopg.errors.ObjectNotInPrerequisiteState("wal_level"), CatalogError, "refuses it: wal_level. Mend"),
        (psycopg.errors.ConfigurationLimitExceeded("all slots are in use"), CatalogError, "all slots are in use. Mend"),
        (psycopg.InterfaceError("the connection is closed"), PostgresUnavailable, "the connection is lost"),
    ],
)
def test_postgresql(error: psycopg.Error, expected: type[Pg2esError], sentence: str) -> None:
    with pytest.raises(expected, match=sentence) as raised, postgres.translate_errors("Source shop"):
        raise error
    assert str(raised.value).startswith("Source shop: ")


def test_a_limit_that_a_row_exceeds_is_of_the_row() -> None:
    error = psycopg.errors.StatementTooComplex("stack depth limit exceeded")
    with pytest.raises(UnreadableRow, match="fails for some row: stack depth"), postgres.translate_sql_errors("orders"):
        raise error


def test_an_sql_text_passes_until_somebody_says_whose_it_is() -> None:
    error = psycopg.errors.UndefinedColumn("column x does not exist")
    with pytest.raises(psycopg.errors.UndefinedColumn), postgres.translate_errors("Source shop"):
        raise error
    with (
        pytest.raises(DocumentSqlError, match="Pipeline orders: the roots SQL does not run: column x"),
        postgres.translate_sql_errors("orders", "roots SQL"),
    ):
        raise error


@pytest.mark.parametrize(
    ("code", "expected", "sentence"),
    [
        (KafkaError._AUTHENTICATION, AccessDenied, "Check the login in kafka.properties"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, AccessDenied, "Give the right"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, AccessDenied, "Give the right"),
        (KafkaError._ALL_BROKERS_DOWN, KafkaUnavailable, "Are the brokers up?"),
        (KafkaError._TIMED_OUT, KafkaUnavailable, "Are the brokers up?"),
        (KafkaError._RESOLVE, KafkaUnavailable, "Are the brokers up?"),
        (KafkaError.NOT_ENOUGH_REPLICAS, KafkaUnavailable, "It is tried again"),
        (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaUnavailable, "It is tried again"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaUnavailable, "deploy the connectors"),
        (KafkaError._UNKNOWN_TOPIC, KafkaUnavailable, "deploy the connectors"),
        (KafkaError.INVALID_REPLICATION_FACTOR, KafkaRefused, "Trying again cannot help"),
        (KafkaError.POLICY_VIOLATION, KafkaRefused, "Trying again cannot help"),
        (KafkaError.TOPIC_EXCEPTION, KafkaRefused, "Trying again cannot help"),
        (KafkaError.MSG_SIZE_TOO_LARGE, KafkaRefused, "Trying again cannot help"),
        (KafkaError._INVALID_ARG, KafkaRefused, "kafka.properties"),
        (KafkaError._SSL, KafkaRefused, "kafka.properties"),
    ],
)
def test_kafka(code: int, expected: type[Pg2esError], sentence: str) -> None:
    with pytest.raises(expected, match=sentence) as raised, translate_kafka("listing topics"):
        raise KafkaException(KafkaError(code))
    assert str(raised.value).startswith("Kafka: listing topics failed: ")


def test_what_kafka_calls_retriable_is_tried_again() -> None:
    jars = (
        next((CHECKOUT / "stack/target/kafka/libs").glob(f"{name}-*.jar")) for name in ("kafka-clients", "slf4j-api")
    )
    command = ["java", "-classpath", ":".join(map(str, jars)), str(CHECKOUT / "tests/unit/data/Retriable.java")]
    codes = {int(code) for code in subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).split()}
    known = codes & {code for code in vars(KafkaError).values() if isinstance(code, int)}
    assert len(known) > 20
    for code in known:
        with pytest.raises(KafkaUnavailable), translate_kafka("listing topics"):
            raise KafkaException(KafkaError(code))


@pytest.mark.parametrize("make", [KafkaAccess.admin, KafkaAccess.producer, lambda access: access.consumer("group")])
def test_a_misspelt_property_of_kafka(make: Callable[[KafkaAccess], object]) -> None:
    with pytest.raises(KafkaRefused, match=r'"security\.protokoll".* Check kafka\.properties of platform\.yaml'):
        make(KafkaAccess("localhost:9", {"security.protokoll": "SSL"}))


def test_a_partition_without_a_leader_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a moment after its topic was made."""
    passing = (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
    )
    failures = [*passing, KafkaError._AUTHENTICATION]

    def list_offsets(_: object) -> None:
        raise KafkaException(KafkaError(failures.pop(0)))

    admin = KafkaAccess("").admin()
    monkeypatch.setattr(AdminClient, "list_topics", lambda *_, **__: SimpleNamespace(topics={}), raising=False)
    monkeypatch.setattr(AdminClient, "list_offsets", lambda _, asked: list_offsets(asked), raising=False)
    with pytest.raises(AccessDenied):
        end_offsets(admin, [])
    assert failures == []


@pytest.mark.parametrize(
    ("status", "expected", "sentence"),
    [
        (401, AccessDenied, "refuses the login while counting orders. Check user and password."),
        (403, AccessDenied, "forbids counting orders: some_exception: why. Give the user's role the right."),
        (400, GenerationError, "refuses counting orders: some_exception: why"),
        (404, GenerationError, "refuses counting orders"),
        (429, ElasticsearchUnavailable, "cannot do it now, counting orders"),
        (503, ElasticsearchUnavailable, "cannot do it now, counting orders"),
    ],
)
def test_elasticsearch(status: int, expected: type[Pg2esError], sentence: str) -> None:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "node", 9200))
    with pytest.raises(expected, match=sentence), elasticsearch.translate_errors("counting orders"):
        raise ApiError("refused", meta, {"error": {"type": "some_exception", "reason": "why"}})


def test_a_client_with_other_options_has_a_twin_with_them() -> None:
    client = elasticsearch.Client.open(elasticsearch.ElasticsearchAccess(("http://node:9200",), "user", "password"))
    quick = client.options(request_timeout=3)
    assert (quick.raw._request_timeout, client.raw._request_timeout) == (3, 60)


def test_elasticsearch_that_does_not_answer() -> None:
    with pytest.raises(ElasticsearchUnavailable, match="is it up"), elasticsearch.translate_errors("counting orders"):
        raise ConnectionTimeout("late")


@contextmanager
def answering(status: int, product: str | None) -> Iterator[str]:
    """Give the address of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if product:
                self.send_header("X-elastic-product", product)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize("status", [200, 404])
def test_the_page_of_a_proxy_is_no_word_of_elasticsearch(status: int) -> None:
    with answering(status, None) as url:
        client = elasticsearch.Client.open(elasticsearch.ElasticsearchAccess((url,), "u", "p"))
        with client, pytest.raises(ElasticsearchUnavailable, match=f"answers {status}, but not as Elasticsearch does"):
            elasticsearch.indices.live_generation(client, "orders")


def test_what_elasticsearch_does_not_know_is_not_there() -> None:
    with answering(200, "Elasticsearch") as url:
        client = elasticsearch.Client.open(elasticsearch.ElasticsearchAccess((url,), "u", "p"))
        with client:
            assert elasticsearch.indices.live_generation(client, "orders") is None
