"""The dead-letter topic as a queue whose records leave in any order.

    offset    7        8        9        10       11                     12
              record   record   record   record   resolved: 8, 10        record
              ▲ committed: the first open record                 open: 7, 9, 12

Kafka commits offsets only in order, and a dead-letter record may stay for weeks while those behind it are resolved. So
what is resolved is noted behind it in the same partition. Reading from the committed offset to the end gives every open
record: a note about a record always stands behind it, and is not read any more only when the record is not.
No record is ever copied or written again, so a crash at any point neither loses nor repeats one: before the note it
stays open and is replayed once more, after the note it is resolved, and the commit only shortens the way.

What lies before the committed offset is deleted: the topic keeps records forever, and this is where its forever ends.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from pg2es.adapters.kafka.client import TIMEOUT_S, Admin, KafkaAccess, translate_errors
from pg2es.core.dead_letters import DeadLetterRecord, to_ranges
from pg2es.core.errors import KafkaUnavailable

NOTE = "pg2es.resolved"
"""Header of a note; its value is a JSON list of half-open ranges of offsets."""


HELD = 10_000
"""Messages that are held in memory; of more, all are read once for the notes and once for the records."""


class DeadLetterQueue:
    """The open dead letters of a topic, as one consumer group sees them."""

    def __init__(self, topic: str, consumer: Consumer, producer: Producer, admin: Admin) -> None:
        self._topic = topic
        self._consumer = consumer
        self._producer = producer
        self._admin = admin

    def open_records(self) -> Iterator[DeadLetterRecord]:
        """Give the records that are open now, the oldest of each partition first."""
        for partition in self._partitions():
            yield from self._open_records_of(partition, self._span(partition))

    def count_messages(self) -> int:
        """Return how many messages are read for the open records: all from the first of them on."""
        return sum(end - start for start, end in map(self._span, self._partitions()))

    def resolve(self, records: Iterable[DeadLetterRecord]) -> None:
        """Note that records are resolved; returns when Kafka has it."""
        offsets: dict[int, list[int]] = {}
        for record in records:
            offsets.setdefault(record.partition, []).append(record.offset)
        problems: list[KafkaError] = []
        with translate_errors(f"writing to {self._topic}"):
            for partition, found in offsets.items():
                self._producer.produce(
                    self._topic,
                    partition=partition,
                    value=json.dumps(to_ranges(found)).encode(),
                    headers={NOTE: b""},
                    on_delivery=lambda error, _: problems.append(error) if error else None,
                )
            if self._producer.flush(TIMEOUT_S) or problems:
                raise KafkaUnavailable(
                    f"Kafka did not take what was resolved in {self._topic}: {problems}. Replay again."
                )

    def commit(self) -> None:
        """Commit each partition up to its first open record, and delete what lies before.

        Where none is open, up to where was read: what has come since was looked at by nobody.
        """
        for partition in self._partitions():
            span = self._span(partition)
            first = next(self._open_records_of(partition, span), None)
            position = TopicPartition(self._topic, partition, first.offset if first else span[1])
            with translate_errors(f"committing the position in {self._topic}"):
                self._consumer.commit(offsets=[position], asynchronous=False)
                for future in self._admin.delete_records([position]).values():
                    future.result(TIMEOUT_S)

    def _open_records_of(self, partition: int, span: tuple[int, int]) -> Iterator[DeadLetterRecord]:
        start, end = span
        held = list(self._read(partition, span)) if end - start <= HELD else []
        resolved = {
            offset
            for message in held or self._read(partition, span)
            if NOTE in _headers(message)
            for first, behind in json.loads(message.value() or b"[]")
            for offset in range(first, behind)
        }
        for message in held or self._read(partition, span):
            headers = _headers(message)
            if NOTE not in headers and message.offset() not in resolved:
                yield DeadLetterRecord.read(
                    partition, _offset(message), _written_at(message), headers, message.key(), message.value()
                )

    def _partitions(self) -> list[int]:
        """Return the partitions of the topic; none when it does not exist, as before the first deployment."""
        with translate_errors(f"reading {self._topic}"):
            found = self._consumer.list_topics(timeout=TIMEOUT_S).topics
            return sorted(found[self._topic].partitions) if self._topic in found else []

    def _span(self, partition: int) -> tuple[int, int]:
        """Return where to begin, the committed offset if the topic still has it, and the end."""
        place = TopicPartition(self._topic, partition)
        with translate_errors(f"reading offsets of {self._topic}"):
            low, high = self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
            [committed] = self._consumer.committed([place], timeout=TIMEOUT_S)
        return committed.offset if low <= committed.offset <= high else low, high

    def _read(self, partition: int, span: tuple[int, int]) -> Iterator[Message]:
        start, end = span
        if start >= end:
            return
        with translate_errors(f"reading {self._topic}"):
            self._consumer.assign([TopicPartition(self._topic, partition, start)])
            while (message := self._consumer.poll(TIMEOUT_S)) is not None:
                error = message.error()
                if error is None:
                    if _offset(message) < end:
                        yield message
                    if _offset(message) >= end - 1:
                        return
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's only name for it
                    return
                else:
                    raise KafkaException(error)
        raise KafkaUnavailable(f"Kafka gave nothing of {self._topic} within {TIMEOUT_S} s. Are the brokers up?")


@contextmanager
def open_queue(access: KafkaAccess, admin: Admin, topic: str, group: str) -> Iterator[DeadLetterQueue]:
    """Give the queue of a topic."""
    with translate_errors("connecting"):
        consumer = access.consumer(group)
    try:
        yield DeadLetterQueue(topic, consumer, access.producer(), admin)
    finally:
        consumer.close()


def _offset(message: Message) -> int:
    return message.offset() or 0  # only a message that is still to be sent has none


def _headers(message: Message) -> dict[str, bytes]:
    return {name: content for name, content in dict(message.headers() or []).items() if isinstance(content, bytes)}


def _written_at(message: Message) -> datetime:
    kind, milliseconds = message.timestamp()
    return datetime.fromtimestamp(0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000, UTC)
