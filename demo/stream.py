"""How the stream keeps up: what it has not written yet, and how long a change takes to be found."""

import time
import uuid
from statistics import median

import psycopg

from demo.errors import DemoError
from pg2es.adapters.elasticsearch import Client, translate_errors
from pg2es.core.config import Pipeline
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import count_lag

MARKER_ORDER = 0
"""An order that neither sample nor traffic has."""

_SEARCHABLE_TIMEOUT_S = 120
_POLL_INTERVAL_S = 0.02


def count_records_behind(clients: Clients, pipeline: Pipeline) -> int:
    """Return how many records the sink of a pipeline has not yet committed as done."""
    sink = sink_connector(require_live_generation(clients.elasticsearch, pipeline).index)
    config = clients.connect.config(sink)
    if config is None:
        raise DemoError(f"There is no sink {sink}; its backfill should have made it.")
    return sum(count_lag(clients.kafka, sink, config).values())


def measure_latency_s(connection: psycopg.Connection, client: Client, alias: str, times: int = 5) -> float:
    """Return the median time from the commit of an order's change until a search finds it. Leaves no order behind."""
    try:
        return median(_measure_once(connection, client, alias) for _ in range(times))
    finally:
        connection.execute("DELETE FROM orders WHERE id = %s", [MARKER_ORDER])


def _measure_once(connection: psycopg.Connection, client: Client, alias: str) -> float:
    marker = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO orders (id, status, ordered_at) VALUES (%s, %s, now())"
        " ON CONFLICT (id) DO UPDATE SET status = excluded.status",
        [MARKER_ORDER, marker],
    )
    committed = time.monotonic()
    with translate_errors(f"searching {alias}"):
        while not client.count(index=alias, query={"term": {"status": marker}}).body["count"]:
            if time.monotonic() - committed > _SEARCHABLE_TIMEOUT_S:
                raise DemoError(
                    f"A change of an order was not found in {alias} within {_SEARCHABLE_TIMEOUT_S} s of its commit; "
                    f"look at the sink's state: `python -m stack logs connect-1`."
                )
            time.sleep(_POLL_INTERVAL_S)
    return time.monotonic() - committed
