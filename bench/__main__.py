"""`python -m bench [NAME …]`: measures against the running stack and writes bench/results/latest.json."""

import logging
import os
import sys

from bench.backfill import measure_ceiling, measure_memory, measure_speed
from bench.beside import measure_beside
from bench.drift import measure_drift
from bench.latency import measure_latency
from bench.outages import measure_outages
from bench.peer import measure_peer
from bench.reconcile import measure_reconcile, measure_reconcile_memory
from bench.recovery import measure_recovery
from bench.reindex import measure_reindex
from bench.results import save
from bench.spread import measure_spread
from bench.stream import measure_stream
from stack.config import load_config

MEASUREMENTS = {
    "backfill": measure_speed,
    "latency": measure_latency,
    "ceiling": measure_ceiling,
    "beside": measure_beside,
    "memory": measure_memory,
    "drift": measure_drift,
    "outages": measure_outages,
    "reconcile": measure_reconcile,
    "reconcile_memory": measure_reconcile_memory,
    "peer": measure_peer,
    "recovery": measure_recovery,
    "reindex": measure_reindex,
    "spread": measure_spread,
    "stream": measure_stream,
}


def main() -> None:
    """Run the measurements that are named, by default all."""
    logging.basicConfig(level=logging.WARNING)
    os.environ.update(load_config().environment())
    names = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := set(names) - set(MEASUREMENTS):
        sys.exit(f"bench: there is no {', '.join(sorted(unknown))}; known: {', '.join(MEASUREMENTS)}")
    for name in names:
        results = MEASUREMENTS[name]()
        save(results)
        for key, result in results.items():
            target = f"   target {result.target} ({result.better} is better)" if result.target is not None else ""
            print(f"{key:36} {result.value:>10,} {result.unit}{target}", flush=True)


if __name__ == "__main__":
    main()
