"""Where the time of one change goes: until it is in Kafka, and what the sink then does with it.

Beside `bench.latency`, which measures until Elasticsearch has acknowledged it and until a search finds it.
"""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from bench.ground import Ground, prepare_ground
from bench.latency import (
    PER_COMMIT,
    RATES,
    SECONDS,
    WARM_UP_S,
    Traffic,
    measure_delays,
    measure_for,
    percentiles,
    writing,
)
from bench.results import Result
from bench.stream import backfill_all
from pg2es.adapters import kafka
from stack.config import HOST, load_config

ROWS = 100_000
POLL_S = 0.01
_PREFIX = "pg2es_sink_"
_WORKERS = ("connect_1_metrics", "connect_2_metrics")


def measure_parts() -> dict[str, Result]:
    """Return percentiles of the time from a commit until it is in Kafka, and the sink's means for one request."""
    results: dict[str, Result] = {}
    with prepare_ground(ROWS) as ground:
        index = backfill_all(ground).index
        rows, first = range(ROWS), 1
        measure_for(ground, Traffic(rows, RATES[-1], first), measure_delays, WARM_UP_S)
        for rate in RATES:
            first += 1_000_000
            before = _read_sink(index)
            delays = measure_for(ground, Traffic(rows, rate, first), measure_captured, SECONDS)
            after = _read_sink(index)
            did = {name: after[name] - before[name] for name in after}
            results |= percentiles(f"commit_to_kafka_{rate}", delays, (None, None))
            requests = did["bulk_requests"]
            results |= {
                f"sink_{name}_{rate}": Result(round(value, digits), unit, None, "lower")
                for name, value, digits, unit in (
                    ("roots_per_request", did["roots_read"] / requests, 1, "roots"),
                    ("read_ms_per_request", did["read_seconds"] * 1000 / requests, 1, "ms"),
                    ("bulk_ms_per_request", did["bulk_seconds"] * 1000 / requests, 1, "ms"),
                )
            }
    return results


def measure_captured(ground: Ground, traffic: Traffic, stop: Event) -> list[float]:
    """Change rows until told to stop; return how late each transaction is in Kafka, the last of its records."""
    delays: list[float] = []
    records = 0
    with _reading(ground) as consumer, writing(ground, traffic, stop) as (writer, committed):
        while writer.is_alive() or records < len(committed) * PER_COMMIT:
            messages = consumer.consume(num_messages=1_000, timeout=POLL_S)
            now = time.monotonic()
            for message in messages:
                if message.error():  # the end of the partition, for now
                    continue
                records += 1
                if records % PER_COMMIT == 0:
                    number = traffic.first_number + records // PER_COMMIT - 1
                    delays.append(now - committed.get(number, now))  # the writer's own answer may come later
    return delays


@contextmanager
def _reading(ground: Ground) -> Iterator[Consumer]:
    """Give a consumer of the table's topic, from its end on."""
    clients = ground.clients
    ends = kafka.end_offsets(clients.kafka, [ground.source.topic_of(ground.pipeline.table)])
    consumer = clients.kafka_access.consumer("pg2es-bench")
    consumer.assign([TopicPartition(topic, number, end) for (topic, number), end in ends.items()])
    try:
        yield consumer
    finally:
        consumer.close()


def _read_sink(index: str) -> dict[str, float]:
    """Return the counters of an index' sink, by their names without prefix and suffix."""
    found: dict[str, float] = {}
    for worker in _WORKERS:
        with urllib.request.urlopen(f"http://{HOST}:{load_config().ports[worker]}/metrics") as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.startswith(_PREFIX) and sample.labels["index"] == index:
                    name = sample.name.removeprefix(_PREFIX).removesuffix("_total")
                    found[name] = found.get(name, 0.0) + sample.value
    return found
