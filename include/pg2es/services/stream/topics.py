"""The topics of a source: of its tables, of refreshes, of what Debezium adds, and of dead-letter records."""

import logging

from pg2es.adapters import kafka
from pg2es.core.config import Source
from pg2es.services.clients import Clients

log = logging.getLogger(__name__)

RETENTION_MS = 7 * 24 * 3600 * 1000
"""How long topics keep events: so long may a sink be away. A sink that comes later fails; it does not skip.

Dead-letter records are kept until they are resolved.
"""


def ensure_topics(clients: Clients, source: Source, tables: list[str]) -> None:
    """Create the topics that are missing: of these tables, and of the pipelines that read the source."""
    topics = {source.topic_of(table): source.topic_partitions for table in tables}
    for pipeline in clients.project.pipelines_of(source):
        topics |= dict.fromkeys(source.refresh_topics(pipeline.name), source.topic_partitions)
    topics |= {source.message_topic: 1, source.dead_letter_topic: 1, f"__debezium-heartbeat.{source.topic_prefix}": 1}
    created = kafka.ensure_topics(
        clients.kafka, topics, clients.project.platform.kafka.replication_factor, RETENTION_MS
    )
    if created:
        log.info("Created topics %s", ", ".join(created))
    # Also one that an earlier version or Kafka Connect made: a dead-letter record stays until it is resolved.
    kafka.keep_forever(clients.kafka, source.dead_letter_topic)
