"""Where the connectors begin and go on: LSN of a source, offsets of a sink; both are kept by Kafka and Kafka Connect.

A connector that was removed behind pg2es' back, or whose standalone worker was restarted, has its position still: made
anew, it goes on where it ended. What pg2es removes has none, so that another of the same name begins anew.
"""

import logging

from pg2es.adapters import kafka
from pg2es.adapters.postgres import Session
from pg2es.core.config import Source
from pg2es.core.errors import SlotLost
from pg2es.core.generations import sink_connector
from pg2es.core.stream import Config, sink_start, source_position, source_start, topics_of
from pg2es.services.clients import Clients
from pg2es.services.generations import Generation, list_generations
from pg2es.services.stream.fence import take_fence
from pg2es.services.stream.finding import find_connectors
from pg2es.services.stream.replication import SlotPosition

log = logging.getLogger(__name__)


def is_streamed(clients: Clients, source: Source) -> bool:
    """Return whether something goes on from the source's slot: its connector, a sink, or the position of one."""
    return bool(find_connectors(clients, source, None)) or any(
        sink_positions(clients, generation.index)
        for pipeline in clients.project.pipelines_of(source)
        for generation in list_generations(clients.elasticsearch, pipeline)
    )


def check_source_position(clients: Clients, source: Source, slot: SlotPosition) -> None:
    """Raise SlotLost when the slot begins behind what the source's connector has read: it is another one."""
    position = source_position(clients.connect.offsets(source.connector))
    if position is not None and slot.restart > position:
        raise SlotLost(source.name, source.slot, "was made anew and begins behind what its connector has read")


def begin_source(clients: Clients, source: Source, slot: SlotPosition) -> None:
    """Give a stopped source a position, where it has none or that of a slot that is no more."""
    if slot.created:
        clients.connect.reset_offsets(source.connector)
    if not clients.connect.offsets(source.connector):
        log.info("Connector %s begins at LSN %d", source.connector, slot.confirmed)
        clients.connect.alter_offsets(source.connector, source_start(source.topic_prefix, slot.confirmed))


def sink_positions(clients: Clients, index: str) -> dict[kafka.Partition, int]:
    """Return the offsets that the sink of a generation has committed, be the sink there or not."""
    return kafka.list_committed_offsets(clients.kafka, f"connect-{sink_connector(index)}")


def remade_topics(generation: Generation, ids: dict[str, str]) -> set[str]:
    """Return the topics that were deleted and made anew since a sink got its positions, which mean nothing there."""
    return {topic for topic, before in generation.meta.topics.items() if ids.get(topic, before) != before}


def missing_positions(clients: Clients, index: str, config: Config, remade: set[str]) -> dict[kafka.Partition, int]:
    """Return the ends of the partitions that a sink has to read and has no position in."""
    ends = kafka.end_offsets(clients.kafka, topics_of(config))
    known = kafka.committed_offsets(clients.kafka, f"connect-{sink_connector(index)}", ends)
    return {partition: end for partition, end in ends.items() if partition not in known or partition[0] in remade}


def note_topics(clients: Clients, generation: Generation, ids: dict[str, str]) -> Generation:
    """Write down in which topics a sink has its positions, now that it has them, and return the generation.

    `ids` were read before the positions: a topic that is made anew in between has another one at the next look.
    """
    return generation if ids == generation.meta.topics else generation.remember(clients.elasticsearch, topics=ids)


def begin_sink(
    clients: Clients, session: Session, generation: Generation, ends: dict[kafka.Partition, int], *, gap: bool
) -> Generation:
    """Take the start fence, now that the positions are known, and set a stopped sink's offsets to them.

    In this order: a run that is killed in between leaves positions that are missing, and the next one sees that.
    `gap`: the generation held documents already, so it lacks what changed before.
    """
    remember = generation.note_gap if gap else generation.remember
    fenced = remember(clients.elasticsearch, fence=take_fence(session))
    clients.connect.alter_offsets(sink_connector(generation.index), sink_start(ends))
    return fenced
