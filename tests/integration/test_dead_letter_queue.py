"""The dead letter topic as a queue: letters leave in any order, and whatever is forgotten or killed loses none."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]  # not in __all__

from pg2es.adapters import kafka
from pg2es.adapters.kafka import DeadLetterQueue, KafkaAccess, open_queue

Letters = set[tuple[int, int]]
PARTITIONS = 2


class Topic:
    """A dead letter topic of two partitions, each with letters 0 to 4."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.access = KafkaAccess(os.environ["PG2ES_KAFKA_BOOTSTRAP"])
        self.admin = self.access.admin()
        kafka.ensure_topics(self.admin, {name: PARTITIONS}, 1, 3_600_000)
        self.add(5)

    def add(self, count: int) -> None:
        """Write so many letters into each partition."""
        producer = self.access.producer()
        headers: dict[str, str | bytes | None] = {"__connect.errors.connector.name": b"pg2es-sink-a-000001"}
        for partition in range(PARTITIONS):
            for _ in range(count):
                producer.produce(self.name, value=b"{}", partition=partition, headers=headers)
        assert producer.flush(30) == 0

    def open(self) -> Letters:
        """Return partition and offset of the open letters, as a new process reads them."""
        with self.queue() as queue:
            return places(queue)

    def queue(self) -> AbstractContextManager[DeadLetterQueue]:
        """Give the queue, as one process has it."""
        return open_queue(self.access, self.admin, self.name, self.name)

    def committed(self) -> dict[int, int]:
        found = kafka.committed_offsets(self.admin, self.name, [(self.name, number) for number in range(PARTITIONS)])
        return {partition: offset for (_, partition), offset in found.items()}

    def forget_commits(self) -> None:
        """What Kafka does to the offsets of a group that nobody used for a week."""
        for future in self.admin.delete_consumer_groups([self.name]).values():
            future.result()


def places(queue: DeadLetterQueue) -> Letters:
    return {(letter.partition, letter.offset) for letter in queue.open_records()}


def resolve(queue: DeadLetterQueue, which: Callable[[int, int], bool]) -> None:
    queue.resolve([letter for letter in queue.open_records() if which(letter.partition, letter.offset)])


@pytest.fixture
def topic(stack_environment: dict[str, str], unique_name: str) -> Iterator[Topic]:
    made = Topic(unique_name)
    yield made
    for future in made.admin.delete_topics([made.name]).values():
        future.result()


ALL = {(partition, offset) for partition in range(PARTITIONS) for offset in range(5)}


def test_letters_leave_in_any_order(topic: Topic) -> None:
    assert topic.open() == ALL
    with topic.queue() as queue:
        resolve(queue, lambda partition, offset: (partition, offset) in {(0, 1), (0, 3), (1, 0), (1, 1)})
        left = places(queue)
        queue.commit()
    assert left == topic.open() == {(0, 0), (0, 2), (0, 4), (1, 2), (1, 3), (1, 4)}
    assert topic.committed() == {0: 0, 1: 2}

    topic.add(1)  # behind the notes, at 6
    with topic.queue() as queue:
        resolve(queue, lambda _, offset: offset < 6)
        queue.commit()
    assert topic.open() == {(0, 6), (1, 6)}
    assert topic.committed() == {0: 6, 1: 6}

    with topic.queue() as queue:
        resolve(queue, lambda *_: True)
        queue.commit()
    assert topic.open() == set()
    assert topic.committed() == {place[1]: end for place, end in kafka.end_offsets(topic.admin, [topic.name]).items()}


def test_what_comes_during_a_commit_stays_open(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    read = DeadLetterQueue._read

    def read_and_one_comes(queue: DeadLetterQueue, partition: int, span: tuple[int, int]) -> Iterator[Message]:
        yield from read(queue, partition, span)
        topic.add(1)

    with topic.queue() as queue:
        resolve(queue, lambda *_: True)
        monkeypatch.setattr(DeadLetterQueue, "_read", read_and_one_comes)
        queue.commit()
        monkeypatch.undo()
    # Behind five letters and the note; the second partition got one more while it was read.
    assert topic.open() == {(0, 6), (0, 7), (1, 6), (1, 7)}


def test_notes_count_without_a_commit_and_commits_may_be_forgotten(topic: Topic) -> None:
    with topic.queue() as queue:
        resolve(queue, lambda _, offset: offset in (0, 2))  # and killed
    left = {(partition, offset) for partition, offset in ALL if offset not in (0, 2)}
    assert topic.open() == left
    with topic.queue() as queue:
        queue.commit()
    topic.forget_commits()
    assert topic.open() == left
    with topic.queue() as queue:
        queue.commit()
    assert topic.committed() == {0: 1, 1: 1}


def test_two_replays_at_once_do_no_harm(topic: Topic) -> None:
    with topic.queue() as one, topic.queue() as other:
        reading = one.open_records()
        first = next(reading)
        resolve(other, lambda _, offset: offset < 3)
        other.commit()
        one.resolve([first, *reading])  # some of them once more
        one.commit()
        other.commit()
    assert topic.open() == set()


def test_a_topic_that_keeps_its_records(topic: Topic) -> None:
    kafka.keep_forever(topic.admin, topic.name)
    kafka.keep_forever(topic.admin, topic.name)
    [described] = topic.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic.name)]).values()
    config = described.result()
    assert {name: config[name].value for name in ("retention.ms", "retention.bytes", "cleanup.policy")} == {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
    }
