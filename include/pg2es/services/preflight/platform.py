"""Elasticsearch, Kafka and Kafka Connect: reachable, with the rights and plugins that are needed."""

from collections.abc import Iterator

from pg2es.adapters.elasticsearch import Client, translate_errors
from pg2es.adapters.kafka import count_brokers
from pg2es.core.errors import Pg2esError
from pg2es.core.preflight import Finding, error, warning
from pg2es.core.stream import SINK_CLASS, SOURCE_CLASS
from pg2es.services.clients import Clients

PLACE = "platform.yaml"
KAFKA_TIMEOUT_S = 10

_PLUGINS = {SOURCE_CLASS: "Debezium's PostgreSQL connector", SINK_CLASS: "the pg2es sink"}


def check(clients: Clients) -> Iterator[Finding]:
    """Give the findings about the servers that all pipelines share."""
    for part in (_check_elasticsearch, _check_kafka, _check_connect):
        try:
            yield from part(clients)
        except Pg2esError as problem:
            yield error(PLACE, str(problem))


def _check_elasticsearch(clients: Clients) -> Iterator[Finding]:
    with translate_errors("reading the cluster's health"):
        health = clients.elasticsearch.cluster.health().body
    if health["status"] == "red":
        yield warning(
            PLACE,
            "The Elasticsearch cluster is red: some indices miss shards.",
            "GET _cluster/allocation/explain says why.",
        )
    yield from _check_sink_user(clients)


def _check_sink_user(clients: Clients) -> Iterator[Finding]:
    """The sink's user may write, and may not create: a late write must not bring a removed generation back."""
    project = clients.project
    aliases = sorted(pipeline.alias for pipeline in project.pipelines.values())
    wanted = {"names": [f"{alias}-*" for alias in aliases], "privileges": ["read", "index", "delete", "create_index"]}
    access = clients.elasticsearch_access("sink_")
    if access.user:
        login, whose = "sink_user", f"User {access.user}"
    elif access.token:
        login, whose = "sink_token", "The token of the sinks"
    else:
        login, whose = "sink_api_key", "The API key of the sinks"
    with Client.open(access) as client, translate_errors("asking for the rights of the sink's user"):
        rights = client.security.has_privileges(index=[wanted]).body["index"] if aliases else {}
    for pattern, granted in rights.items():
        missing = [name for name in ("read", "index", "delete") if not granted[name]]
        if missing:
            yield error(
                f"{PLACE}: elasticsearch.{login}",
                f"{whose} lacks {', '.join(missing)} on {pattern}.",
                "Give its role these privileges.",
            )
        if granted["create_index"]:
            yield warning(
                f"{PLACE}: elasticsearch.{login}",
                f"{whose} may create {pattern}: a write that comes late can bring a removed "
                f"generation back, empty and without a mapping.",
                "Take create_index and auto_configure from its role.",
            )


def _check_kafka(clients: Clients) -> Iterator[Finding]:
    brokers = count_brokers(clients.kafka, KAFKA_TIMEOUT_S)
    wanted = clients.project.platform.kafka.replication_factor
    if wanted > brokers:
        yield error(
            f"{PLACE}: kafka.replication_factor",
            f"Topics with {wanted} replicas cannot be created on {brokers} broker(s).",
            f"Write at most {brokers}.",
        )


def _check_connect(clients: Clients) -> Iterator[Finding]:
    installed = clients.connect.list_plugins()
    for plugin, called in _PLUGINS.items():
        if plugin not in installed:
            yield error(
                f"{PLACE}: connect",
                f"Kafka Connect has no plugin {plugin}.",
                f"Put the folder of {called} into a folder of the workers' plugin.path and restart them.",
            )
