"""Whether a reconciliation finds everything that was planted, and nothing else, while eight writers are at work."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.ground import Ground, prepare_ground
from bench.planted import Planter, ids_of
from bench.reindex import fill
from bench.results import Result
from pg2es.core.drift import Deep, Drift, Reconciliation
from pg2es.services.drift import reconcile
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import pass_barrier

ROWS = 50_000
WRITERS = 8
PLANTED = 200
RUNS = 20


def measure_drift() -> dict[str, Result]:
    """Return the share of planted documents that is found, as the kind they are, and how many others are."""
    with prepare_ground(ROWS) as ground:
        fill(ground)
        with _writing(ground):
            wrong = sum(_reconcile(ground).found.drifted for _ in range(RUNS))
            planted = _plant(ground)
            found = ids_of(_reconcile(ground).found)
    right = sum(len(planted[kind] & found[kind]) for kind in Drift)
    wrong += sum(len(found[kind] - planted[kind]) for kind in Drift)
    return {
        "planted_drift_found": Result(right / (len(Drift) * PLANTED), "ratio", 1.0, "higher"),
        "false_positives": Result(wrong, "documents", 0, "lower"),
    }


def _reconcile(ground: Ground) -> Reconciliation:
    return reconcile(ground.clients, ground.pipeline, deep=Deep.ALL, repair=True, max_repair_fraction=0.05)


def _plant(ground: Ground) -> dict[Drift, set[str]]:
    """Spoil documents whose rows no writer touches."""
    generation = require_live_generation(ground.clients.elasticsearch, ground.pipeline)
    starts = {Drift.MISSING: 1, Drift.STALE: 1 + PLANTED, Drift.ALTERED: 1 + 2 * PLANTED, Drift.EXTRA: 10 * ROWS}
    ids = {kind: [str(start + number) for number in range(PLANTED)] for kind, start in starts.items()}

    def change_rows() -> None:
        with ground.clients.session(ground.source) as session:
            changed = "UPDATE public.flat SET name = 'new' WHERE id = ANY ($1::text[]::bigint[])"
            session.execute(changed, [ids[Drift.STALE]])
        pass_barrier(ground.clients, ground.pipeline, generation)

    planter = Planter(ground.clients.elasticsearch, generation.index)
    planter.plant(ids, change_rows, ('"city":"city', '"city":"City'))
    return {kind: set(planted) for kind, planted in ids.items()}


@contextmanager
def _writing(ground: Ground) -> Iterator[None]:
    """Change, delete and insert rows beyond those that are planted, each writer its own."""
    stop = threading.Event()

    def write(writer: int) -> None:
        with ground.clients.session(ground.source) as session:
            for number in range(writer, 10 * ROWS, WRITERS):
                if stop.wait(0.01):
                    return
                row = ROWS // 2 + number % 2_000
                session.execute("UPDATE public.flat SET seq = seq + 1, note = $1 WHERE id = $2", [str(number), row])
                with session.transaction():
                    session.execute("DELETE FROM public.flat WHERE id = $1", [row + 5_000])
                    session.execute("INSERT INTO public.flat (id, name) VALUES ($1, 'again')", [row + 5_000])

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            yield
        finally:
            stop.set()
        for writer in writers:
            writer.result()
