"""How fast a large change streams, as a ratio of what its parts could do at most that share the machine.

All of it runs on the same cores. So if capturing the changes alone takes S seconds and writing the documents alone W,
nobody does both in less than S + W: that is the ceiling.
"""

import statistics
import time

from bench.ceiling import read_lines, time_overwrite
from bench.cpu import cpu_since, per_million, read_cpu_seconds
from bench.ground import Ground, prepare_ground
from bench.polling import poll
from bench.results import Result
from pg2es.adapters import kafka
from pg2es.core.generations import sink_connector
from pg2es.services import backfill
from pg2es.services.generations import Generation, require_live_generation
from stack.config import load_config

ROWS = 300_000
ROUNDS = 3
PATIENCE_S = 300


def measure_stream() -> dict[str, Result]:
    """Return changes/s of one large UPDATE until all of it is searchable, and that against the ceiling."""
    rates, captures, bulks, ratios, cpu, capture_cpu, sizes = [], [], [], [], [], [], []
    with prepare_ground(ROWS) as ground:
        sink = sink_connector(backfill_all(ground).index)
        lines = read_lines(ground)
        for number in range(ROUNDS + 1):
            before = read_cpu_seconds()
            whole = time_stream(ground, 2 * number + 1)
            used = cpu_since(before)
            ground.clients.connect.stop(sink)
            before_capture, before = _read_sizes(ground), read_cpu_seconds()
            captured = _time_capture(ground, 2 * number + 2)
            used_alone = cpu_since(before)
            size = [(now - then) / ROWS for now, then in zip(_read_sizes(ground), before_capture, strict=True)]
            written = time_overwrite(ground, lines)
            ground.clients.connect.resume(sink)
            poll(lambda number=number: _is_found(ground, 2 * number + 2), PATIENCE_S)  # type: ignore[misc]
            if number:  # the first round warms up
                print(f"  UPDATE {whole:.1f} s, captured alone {captured:.1f} s, written alone {written:.1f} s, {used}")
                rates.append(ROWS / whole)
                captures.append(ROWS / captured)
                bulks.append(ROWS / written)
                ratios.append((captured + written) / whole)
                cpu.append(used)
                capture_cpu.append(used_alone)
                sizes.append(size)
    return {
        "stream_changes_per_s": Result(round(statistics.median(rates)), "changes/s", None, "higher"),
        "stream_captured_alone_per_s": Result(round(statistics.median(captures)), "changes/s", None, "higher"),
        "stream_written_alone_per_s": Result(round(statistics.median(bulks)), "docs/s", None, "higher"),
        "stream_vs_shared_ceiling": Result(round(statistics.median(ratios), 3), "ratio", 0.75, "higher"),
        "stream_wal_bytes_per_change": Result(
            round(statistics.median(wal for wal, _ in sizes)), "bytes", None, "lower"
        ),
        "stream_kafka_bytes_per_change": Result(
            round(statistics.median(log for _, log in sizes)), "bytes", None, "lower"
        ),
        **per_million(cpu, ROWS, "stream"),
        **per_million(capture_cpu, ROWS, "stream_captured_alone"),
    }


def backfill_all(ground: Ground) -> Generation:
    """Return the live generation, filled."""
    clients, pipeline = ground.clients, ground.pipeline
    prepared = backfill.prepare(clients, pipeline)
    chunks = backfill.plan(clients, pipeline, 1)
    results = [backfill.copy_chunk(clients, pipeline, prepared.index, chunk, lane=0).to_json() for chunk in chunks]
    backfill.check(backfill.finish(clients, pipeline, prepared, chunks, results))
    return require_live_generation(clients.elasticsearch, pipeline)


def time_stream(ground: Ground, number: int) -> float:
    """Return the seconds from an UPDATE of every row until searches find all of it."""
    started = time.monotonic()
    _update(ground, number)
    poll(lambda: _is_found(ground, number), PATIENCE_S)
    return time.monotonic() - started


def _time_capture(ground: Ground, number: int) -> float:
    """From the UPDATE until all its events are in Kafka, while nobody reads them."""
    end = _count_events(ground) + ROWS
    started = time.monotonic()
    _update(ground, number)
    poll(lambda: _count_events(ground) >= end, PATIENCE_S)
    return time.monotonic() - started


def _read_sizes(ground: Ground) -> tuple[int, int]:
    """Return where the WAL is, and the bytes of the topic on Kafka's disk."""
    with ground.clients.session(ground.source) as session:
        [(lsn,)] = session.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchall()
    topic = ground.source.topic_of(ground.pipeline.table)
    logs = (load_config().data / "kafka" / "data").glob(f"{topic}-*/*.log")
    return int(lsn), sum(log.stat().st_size for log in logs)


def _update(ground: Ground, number: int) -> None:
    with ground.clients.session(ground.source) as session:
        session.execute("UPDATE public.flat SET seq = $1", [number])


def _is_found(ground: Ground, number: int) -> bool:
    found = ground.clients.elasticsearch.count(index=ground.pipeline.alias, query={"term": {"seq": number}})
    return bool(found["count"] == ROWS)


def _count_events(ground: Ground) -> int:
    topic = ground.source.topic_of(ground.pipeline.table)
    return sum(kafka.end_offsets(ground.clients.kafka, [topic]).values())
