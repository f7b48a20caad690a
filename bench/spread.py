"""A row that touches many roots changes: how late the other changes are meanwhile, and how long it takes itself."""

import time

from bench.ground import Ground, Joined, prepare_ground
from bench.latency import measure_beside_job, percentile
from bench.results import Result
from bench.stream import backfill_all
from pg2es.core.errors import DriftFound
from pg2es.services.drift import compare

ORDERS = 200_000
OTHERS = 20_000
RATE = 200
USUAL_S = 60
POLL_S = 0.5

_JOINED = Joined(
    statements=(
        "CREATE TABLE public.customers (id bigint PRIMARY KEY, email text NOT NULL)",
        "INSERT INTO public.customers VALUES (1, 'before'), (2, 'another')",
        "ALTER TABLE public.flat ADD customer_id bigint",
        f"UPDATE public.flat SET customer_id = CASE WHEN id <= {ORDERS} THEN 1 ELSE 2 END",
        "CREATE INDEX ON public.flat (customer_id)",
    ),
    document="""\
SELECT root.id, root.seq, root.name, root.city, root.status, root.amount, root.quantity, root.active, root.note,
  c.email
FROM root LEFT JOIN public.customers c ON c.id = root.customer_id
""",
    pipeline="""\
document: bench-flat.sql
related:
  - table: public.customers
    roots_sql: SELECT o.id FROM changed c JOIN public.flat o ON o.customer_id = c.id
""",
)


def measure_spread() -> dict[str, Result]:
    """Return the p99 of other changes while a customer with many orders is renamed ÷ their usual p99, and its time."""
    with prepare_ground(ORDERS + OTHERS, _JOINED) as ground:
        generation = backfill_all(ground)
        others = range(ORDERS, ORDERS + OTHERS)
        usual, meanwhile, seconds = measure_beside_job(ground, others, RATE, USUAL_S, lambda: _rename(ground))
        comparison = compare(ground.clients, ground.pipeline, generation)
    if not comparison.clean:
        raise DriftFound(str(comparison))
    return {
        "spread_p99_ratio": Result(round(percentile(meanwhile, 99) / percentile(usual, 99), 2), "ratio", 3, "lower"),
        "spread_usual_p99_ms": Result(round(percentile(usual, 99) * 1000), "ms", None, "lower"),
        "spread_p99_ms": Result(round(percentile(meanwhile, 99) * 1000), "ms", None, "lower"),
        "spread_seconds": Result(round(seconds, 1), "s", None, "lower"),
        "spread_roots_per_s": Result(round(ORDERS / seconds), "roots/s", None, "higher"),
    }


def _rename(ground: Ground) -> float:
    """Rename the customer; return the seconds until each of the orders is found by the new name."""
    with ground.clients.session(ground.source) as session:
        session.execute("UPDATE public.customers SET email = 'after' WHERE id = 1")
    started = time.monotonic()
    query = {"term": {"email": "after"}}
    while ground.clients.elasticsearch.count(index=ground.pipeline.alias, query=query)["count"] < ORDERS:
        time.sleep(POLL_S)
    return time.monotonic() - started
