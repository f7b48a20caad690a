"""Asking the sinks of a pipeline for refreshes, by its refresh topics."""

from collections.abc import Callable, Sequence

from pg2es.adapters.kafka import send_requests
from pg2es.core.config import Pipeline
from pg2es.core.refresh import Key, ask_for_all, ask_for_keys
from pg2es.services.clients import Clients


def request_keys(clients: Clients, pipeline: Pipeline, keys: Sequence[Key]) -> None:
    """Have roots refreshed in every generation; return when Kafka has the request."""
    topic = clients.project.source_of(pipeline).refresh_topic(pipeline.name)
    send_requests(clients.kafka_access, topic, ask_for_keys(keys))


def request_all(clients: Clients, pipeline: Pipeline) -> None:
    """Have every root and every document refreshed in every generation; return when Kafka has the request."""
    topic = clients.project.source_of(pipeline).refresh_topic(pipeline.name)
    send_requests(clients.kafka_access, topic, [ask_for_all()])


def scheduler(clients: Clients, pipeline: Pipeline, index: str) -> Callable[[Sequence[Key]], None]:
    """Return what has roots of a generation refreshed a second time, after the constant delay (rule 7)."""
    topic = clients.project.source_of(pipeline).refresh_later_topic(pipeline.name)
    return lambda keys: send_requests(clients.kafka_access, topic, ask_for_keys(keys, index))
