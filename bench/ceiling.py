"""What the servers do at most: ready documents written, at the best settings found, and rows read by nobody."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.ground import MAPPING, Ground
from pg2es.adapters.elasticsearch import Client, post_raw

FILLING: dict[str, Any] = {"index.refresh_interval": "-1", "index.translog.durability": "async"}
"""Settings of an index that nobody searches yet and that can be made anew."""


@dataclass(frozen=True)
class Sending:
    """How requests are sent: bytes of one, and how many are in flight."""

    bytes: int
    flights: int


SWEEP = tuple(Sending(size << 19, flights) for size in (1, 2, 4, 8) for flights in (1, 2, 3, 4))

BEST = Sending(2 << 20, 3)
"""The best of SWEEP on two cores; `python -m bench ceiling` tries them all."""


def time_fill(
    ground: Ground, lines: list[bytes], sending: Sending = BEST, settings: Mapping[str, Any] = FILLING
) -> float:
    """Return the seconds in which a new index takes the documents."""
    with raw_index(ground, settings) as (client, index):
        return send(client, index, lines, sending)


def time_overwrite(ground: Ground, lines: list[bytes], sending: Sending = BEST) -> float:
    """Return the seconds in which an index that is searched takes the documents once more and shows them."""
    with raw_index(ground, {}) as (client, index):
        send(client, index, lines, sending)
        client.indices.refresh(index=index)
        started = time.monotonic()
        send(client, index, lines, sending)
        client.indices.refresh(index=index)
        return time.monotonic() - started


def read_lines(ground: Ground) -> list[bytes]:
    """Return the lines of a bulk request for each row: the id, and the document as PostgreSQL writes it."""
    statement = (
        "WITH root AS NOT MATERIALIZED (SELECT * FROM public.flat)"
        f" SELECT id::text, json_strip_nulls(row_to_json(d.*))::text FROM (\n{_document(ground)}\n) d"
    )
    with ground.clients.session(ground.source) as session:
        rows = session.execute(statement).fetchall()
    return [f'{{"index":{{"_id":"{identifier}"}}}}\n{source}\n'.encode() for identifier, source in rows]


def time_read(ground: Ground, lanes: int) -> float:
    """Return the seconds in which PostgreSQL makes the document of each row, read side by side and thrown away."""
    with ground.clients.session(ground.source) as session:
        [(blocks,)] = session.execute("SELECT pg_relation_size('public.flat') / 8192").fetchall()
    part = -(-blocks // lanes)
    started = time.monotonic()
    with ThreadPoolExecutor(lanes) as pool:  # threads: nobody does anything with what comes
        list(pool.map(lambda lane: _read_blocks(ground, lane * part, (lane + 1) * part), range(lanes)))
    return time.monotonic() - started


def _read_blocks(ground: Ground, first: int, end: int) -> None:
    root = f"SELECT * FROM public.flat WHERE ctid >= '({first},0)' AND ctid < '({end},0)'"
    statement = f"WITH root AS NOT MATERIALIZED ({root}) SELECT row_to_json(d.*) FROM (\n{_document(ground)}\n) d"
    with (
        ground.clients.session(ground.source) as session,
        session.cursor().copy(f"COPY ({statement}) TO STDOUT") as copy,
    ):
        for _ in copy:
            pass


def _document(ground: Ground) -> str:
    return ground.pipeline.document or "SELECT * FROM root"


@contextmanager
def raw_index(ground: Ground, settings: Mapping[str, Any]) -> Iterator[tuple[Client, str]]:
    """Give a new index for plain documents, which is gone afterwards."""
    client, index = ground.clients.elasticsearch, f"{ground.pipeline.alias}-raw"
    mapping = json.loads(MAPPING)
    client.indices.create(
        index=index,
        settings={f"index.{name}": value for name, value in mapping["settings"].items()} | dict(settings),
        mappings=mapping["mappings"],
    )
    try:
        yield client, index
    finally:
        client.indices.delete(index=index)


def send(client: Client, index: str, lines: list[bytes], sending: Sending = BEST) -> float:
    """Send the documents and return the seconds that takes."""
    bodies = list(_bodies(lines, sending.bytes))
    started = time.monotonic()
    with ThreadPoolExecutor(sending.flights) as pool:
        answers = list(pool.map(lambda body: _post(client, index, body), bodies))
    seconds = time.monotonic() - started
    if any(b'"errors":false' not in answer for answer in answers):
        raise RuntimeError("a document was refused")
    return seconds


def _post(client: Client, index: str, body: bytes) -> bytes:
    return post_raw(client, f"/{index}/_bulk", body, "the ceiling", "application/x-ndjson", filter_path="errors")


def _bodies(lines: list[bytes], most: int) -> Iterator[bytes]:
    body: list[bytes] = []
    size = 0
    for line in lines:
        body.append(line)
        size += len(line)
        if size >= most:
            yield b"".join(body)
            body, size = [], 0
    if body:
        yield b"".join(body)
