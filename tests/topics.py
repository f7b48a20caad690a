"""Reading a topic as any program would, by no code of pg2es."""

import os
from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from tests.support import new_name

TIMEOUT_S = 30


def read_topic(topic: str) -> Iterator[Message]:
    """Give every message that is in a topic now, each partition's in its order."""
    consumer = Consumer({"bootstrap.servers": os.environ["PG2ES_KAFKA_BOOTSTRAP"], "group.id": new_name()})
    try:
        for number in consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)
            consumer.assign([TopicPartition(topic, number, first)])
            offset = first - 1
            while offset < end - 1:
                message = consumer.poll(TIMEOUT_S)
                assert message is not None, f"nothing comes of {topic}"
                assert message.error() is None, message.error()
                yield message
                offset = message.offset() or 0
    finally:
        consumer.close()
