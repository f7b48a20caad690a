"""A topic can be used as soon as it is made: the broker that is asked next may not have heard of it."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pg2es.adapters import kafka
from tests.support import new_name

AT_ONCE = 4
TOPICS = 8
PARTITIONS = 12
HOUR_MS = 3_600_000


@pytest.mark.usefixtures("stack_environment")
def test_new_topics_are_asked_for_their_offsets_at_once() -> None:
    access = kafka.KafkaAccess(os.environ["PG2ES_KAFKA_BOOTSTRAP"])

    def make(_: int) -> None:
        admin, topics = access.admin(), {new_name(): PARTITIONS for _ in range(TOPICS)}
        try:
            assert sorted(kafka.ensure_topics(admin, topics, 1, HOUR_MS)) == sorted(topics)
            expected = {(topic, number): 0 for topic in topics for number in range(PARTITIONS)}
            assert kafka.end_offsets(admin, [*topics]) == expected
        finally:
            for deleted in admin.delete_topics([*topics]).values():
                deleted.result()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, range(3 * AT_ONCE)))
