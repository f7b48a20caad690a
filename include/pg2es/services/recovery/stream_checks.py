"""What has to hold across source, topics and indices for a stream to lose nothing, beside what deploying sees to."""

from collections.abc import Iterator

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Source
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation
from pg2es.services.refresh import DEADLINE_S
from pg2es.services.stream import RETENTION_MS

LATE_S = 300
"""B of the refresh protocol (rule 6): how long after its deadline a write on its way may still be applied."""

_HOUR_MS = 3600 * 1000


def check_stream(clients: Clients, source: Source, live: list[Generation]) -> list[str]:
    """Return a sentence for each thing that is not as the stream needs it. None of it can be mended without a loss."""
    return [*_check_topics(clients, source, live), *_check_deletes(clients, live)]


def _check_topics(clients: Clients, source: Source, live: list[Generation]) -> Iterator[str]:
    tasks: dict[str, int] = {}
    for generation in live:
        pipeline = clients.project.pipelines.get(generation.meta.pipeline)
        for table in generation.made_from(pipeline).tables if pipeline else ():
            topic = source.topic_of(table)
            tasks[topic] = max(tasks.get(topic, 0), pipeline.stream.tasks if pipeline else 0)
    for name, found in kafka.describe_topics(clients.kafka, sorted(tasks)).items():
        wanted = max(source.topic_partitions, tasks[name])
        if found.partitions < wanted:
            yield (
                f"Topic {name} has {found.partitions} partitions, files ask for {wanted} (topic_partitions, "
                f"stream.tasks), so tasks are idle. Let the topic grow (kafka-topics --alter), run "
                f"the DAG connectors, then the backfills."
            )
        if "compact" in found.cleanup_policy:
            yield (
                f"Topic {name} is compacted, which drops events whose old keys lead to other roots. "
                f"Set its cleanup.policy to delete, then run the backfills."
            )
        if 0 <= found.retention_ms < RETENTION_MS:
            yield (
                f"Topic {name} keeps events for {found.retention_ms / _HOUR_MS:.1f} h, pg2es makes topics with "
                f"{RETENTION_MS // _HOUR_MS} h: a sink that is away longer has to be reset."
            )


def _check_deletes(clients: Clients, live: list[Generation]) -> Iterator[str]:
    for generation in live:
        gc_deletes_s = indices.read_gc_deletes_s(clients.elasticsearch, generation.index)
        if gc_deletes_s < DEADLINE_S + LATE_S:
            yield (
                f"Index {generation.index} forgets deletes after {gc_deletes_s:.0f} s (index.gc_deletes), but a write "
                f"may be on its way for {DEADLINE_S + LATE_S} s: a deleted document could come back. Set it to 1h."
            )
