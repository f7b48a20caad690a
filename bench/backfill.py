"""How fast a backfill copies, against what Elasticsearch takes at most; and how its memory grows with the table."""

import multiprocessing
import resource
import statistics
import time
from multiprocessing.connection import Connection

from bench.ceiling import FILLING, SWEEP, read_lines, time_fill, time_read
from bench.cpu import cpu_since, per_million, read_cpu_seconds
from bench.ground import Ground, Joined, prepare_ground
from bench.reindex import LANES, copy
from bench.results import Result
from pg2es.services import backfill
from pg2es.services.generations import Generation, begin_build

ROWS = 300_000
ROUNDS = 3
MEMORY_ROWS = (200_000, 1_000_000)

_ORDERS = Joined(
    statements=(
        "CREATE TABLE public.customers (id bigint PRIMARY KEY, email text NOT NULL, city text)",
        (
            "INSERT INTO public.customers SELECT n, md5(n::text) || '@example.org', 'city ' || n % 500"
            " FROM generate_series(1, 20000) n"
        ),
        (
            "CREATE TABLE public.items (order_id bigint, line integer, product text, price numeric,"
            " PRIMARY KEY (order_id, line))"
        ),
        (
            f"INSERT INTO public.items SELECT o, l, 'product ' || (o * l) % 1000, l * 1.5"
            f" FROM generate_series(1, {ROWS}) o, generate_series(1, 2) l"
        ),
    ),
    document="""\
SELECT root.*, c.email AS customer,
  (SELECT json_agg(json_build_object('line', i.line, 'product', i.product, 'price', i.price) ORDER BY i.line)
   FROM public.items i WHERE i.order_id = root.id) AS items
FROM root LEFT JOIN public.customers c ON c.id = 1 + root.id % 20000
""",
    pipeline="document: bench-flat.sql\n",
)


def measure_speed() -> dict[str, Result]:
    """Return the backfill's docs/s, of flat and of joined rows, as ratios of the ceilings for the same documents.

    On shared cores nobody reads and writes them in less time than reading alone and writing alone take together: that
    is the shared ceiling. All take turns; the median of the rounds' ratios counts.
    """
    results: dict[str, Result] = {}
    for name, joined, target in (("flat", None, 0.90), ("joined", _ORDERS, 0.80)):
        with prepare_ground(ROWS, joined) as ground:
            results |= _measure_rounds(ground, name, target)
    return results


def _measure_rounds(ground: Ground, name: str, target: float) -> dict[str, Result]:
    ratios, shared, speeds, ceilings, shares, cpu = [], [], [], [], [], []
    lines = read_lines(ground)
    for number in range(ROUNDS + 1):
        ceiling, reading = time_fill(ground, lines), time_read(ground, LANES)
        before, own_before = read_cpu_seconds(), _own_cpu_seconds()
        copied = fill_new_generation(ground)
        used, own = cpu_since(before), _own_cpu_seconds() - own_before
        if number:  # the first round warms up
            print(
                f"  {name}: ceiling {ceiling:.1f} s, reading alone {reading:.1f} s, backfill {copied:.1f} s;"
                f" CPU {used}, pg2es {own:.1f}"
            )
            ratios.append(ceiling / copied)
            shared.append((ceiling + reading) / copied)
            speeds.append(ROWS / copied)
            ceilings.append(ROWS / ceiling)
            shares.append(own / used["elasticsearch"])
            cpu.append(used | {"pg2es": own})
    return {
        f"backfill_{name}_vs_bulk_ceiling": Result(round(statistics.median(ratios), 3), "ratio", target, "higher"),
        f"backfill_{name}_vs_shared_ceiling": Result(round(statistics.median(shared), 3), "ratio", None, "higher"),
        f"backfill_{name}_docs_per_s": Result(round(statistics.median(speeds)), "docs/s", None, "higher"),
        f"backfill_{name}_ceiling_docs_per_s": Result(round(statistics.median(ceilings)), "docs/s", None, "higher"),
        f"backfill_{name}_own_cpu_vs_elasticsearch_cpu": Result(
            round(statistics.median(shares), 3), "ratio", 0.25, "lower"
        ),
        **per_million(cpu, ROWS, f"backfill_{name}"),
    }


def measure_ceiling() -> dict[str, Result]:
    """Print what Elasticsearch takes at each size of request and number of flights, and with a translog on disk."""
    with prepare_ground(ROWS) as ground:
        lines = read_lines(ground)
        time_fill(ground, lines)  # warms up
        for durability in ("async", "request", "async", "request"):
            settings = FILLING | {"index.translog.durability": durability}
            print(
                f"  translog {durability}: {ROWS / time_fill(ground, lines, settings=settings):,.0f} docs/s", flush=True
            )
        for sending in SWEEP:
            print(f"  {sending}: {ROWS / time_fill(ground, lines, sending):,.0f} docs/s", flush=True)
    return {}


def measure_memory() -> dict[str, Result]:
    """Return the copying process' peak memory at a million rows as a ratio of that at 200,000."""
    peaks = []
    for rows in MEMORY_ROWS:
        with prepare_ground(rows) as ground:
            index = _build(ground).index
            process = multiprocessing.get_context("fork")
            receiver, sender = process.Pipe(duplex=False)
            child = process.Process(target=_report_peak, args=(ground, index, sender))
            child.start()
            peaks.append(receiver.recv())
            child.join()
    return {"backfill_memory_growth": Result(round(peaks[1] / peaks[0], 3), "ratio", 1.10, "lower")}


def _build(ground: Ground) -> Generation:
    generation = ground.new_generation()
    begin_build(ground.clients.elasticsearch, generation)
    return generation


def fill_new_generation(ground: Ground) -> float:
    """Return the seconds in which a new generation is filled, in as many processes as the DAG does by default."""
    generation = _build(ground)
    started = time.monotonic()
    _, results = copy(ground, generation.index)
    seconds = time.monotonic() - started
    if sum(result["written"] for result in results) != ground.rows:
        raise RuntimeError(f"not all of {ground.rows} documents were written")
    return seconds


def _own_cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _report_peak(ground: Ground, index: str, sender: Connection) -> None:
    (chunk,) = backfill.plan(ground.clients, ground.pipeline, 1)
    backfill.copy_chunk(ground.clients, ground.pipeline, index, chunk, lane=0)
    sender.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
