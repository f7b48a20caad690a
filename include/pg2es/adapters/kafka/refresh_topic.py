"""Writing into a refresh topic."""

from collections.abc import Iterable
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Message

from pg2es.adapters.kafka.client import TIMEOUT_S, KafkaAccess, list_topics, translate_errors
from pg2es.core.errors import KafkaUnavailable


def send_requests(access: KafkaAccess, topic: str, requests: Iterable[dict[str, Any]]) -> None:
    """Write requests, as keys without a value, and return when every replica in sync has them.

    Values are read by the converter of the tables' topics, which may read no JSON.
    Raises KafkaUnavailable when that takes too long, or when there is no such topic.
    """
    if topic not in list_topics(access.admin()):
        raise KafkaUnavailable(f"Kafka has no topic {topic}; deploy the connectors first.")
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = access.producer()
    with translate_errors(f"writing to {topic}"):
        for request in requests:
            # By its key a request comes to one partition or another, and so to one task of the sink or another.
            producer.produce(topic, key=orjson.dumps(request), on_delivery=note)
            producer.poll(0)
        if producer.flush(TIMEOUT_S):
            raise TimeoutError
        if failures:
            raise KafkaException(failures[0])
