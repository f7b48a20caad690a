"""Errors of the servers in pg2es' words: by type and code, and by text only where a server tells nothing else."""

from types import SimpleNamespace

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from elastic_transport import ApiResponseMeta, ConnectionTimeout, HttpHeaders, NodeConfig
from elasticsearch import ApiError

from pg2es.adapters import elasticsearch, postgres
from pg2es.adapters.kafka.client import end_offsets
from pg2es.adapters.kafka.client import translate_errors as translate_kafka
from pg2es.core.errors import (
    AccessDenied,
    CatalogError,
    DocumentSqlError,
    ElasticsearchUnavailable,
    GenerationError,
    KafkaUnavailable,
    Pg2esError,
    PostgresUnavailable,
)

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
        (psycopg.InterfaceError("the connection is closed"), PostgresUnavailable, "the connection is lost"),
    ],
)
def test_postgresql(error: psycopg.Error, expected: type[Pg2esError], sentence: str) -> None:
    with pytest.raises(expected, match=sentence) as raised, postgres.translate_errors("Source shop"):
        raise error
    assert str(raised.value).startswith("Source shop: ")


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
        (KafkaError._ALL_BROKERS_DOWN, KafkaUnavailable, "Are the brokers up?"),
    ],
)
def test_kafka(code: int, expected: type[Pg2esError], sentence: str) -> None:
    with pytest.raises(expected, match=sentence) as raised, translate_kafka("listing topics"):
        raise KafkaException(KafkaError(code))
    assert str(raised.value).startswith("Kafka: listing topics failed: ")


def test_a_partition_without_a_leader_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a moment after its topic was made."""
    failures = [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._AUTHENTICATION]

    def list_offsets(_: object) -> None:
        raise KafkaException(KafkaError(failures.pop(0)))

    admin = AdminClient({"bootstrap.servers": ""})
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


def test_elasticsearch_that_does_not_answer() -> None:
    with pytest.raises(ElasticsearchUnavailable, match="is it up"), elasticsearch.translate_errors("counting orders"):
        raise ConnectionTimeout("late")
