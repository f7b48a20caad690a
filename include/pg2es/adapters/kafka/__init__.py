"""Kafka: topics and offsets, the dead-letter queue, and writing into refresh topics.

`client` makes clients and translates their errors; `dead_letters` has the records that are open, and notes what is
resolved; `refresh_topic` writes requests. Consumer groups of sinks are asked here, and changed by Kafka Connect alone.
"""

from pg2es.adapters.kafka.client import (
    Admin,
    KafkaAccess,
    Partition,
    committed_offsets,
    count_brokers,
    count_open,
    describe_topics,
    end_offsets,
    ensure_topics,
    first_offsets,
    keep_forever,
    list_committed_offsets,
    list_topics,
    read_cluster_id,
    topic_ids,
)
from pg2es.adapters.kafka.dead_letters import DeadLetterQueue, open_queue
from pg2es.adapters.kafka.refresh_topic import send_requests

__all__ = [
    "Admin",
    "DeadLetterQueue",
    "KafkaAccess",
    "Partition",
    "committed_offsets",
    "count_brokers",
    "count_open",
    "describe_topics",
    "end_offsets",
    "ensure_topics",
    "first_offsets",
    "keep_forever",
    "list_committed_offsets",
    "list_topics",
    "open_queue",
    "read_cluster_id",
    "send_requests",
    "topic_ids",
]
