"""Measures against the running stack; writes bench/results/latest.json and the tables of docs/performance.md."""

import argparse
import logging
import os
import sys

from bench.airflow import measure_airflow
from bench.backfill import measure_ceiling, measure_memory, measure_speed
from bench.beside import measure_beside
from bench.dags import measure_dags
from bench.drift import measure_drift
from bench.growth import measure_growth, measure_mark
from bench.latency import measure_latency
from bench.outages import measure_outages
from bench.parts import measure_parts
from bench.peer import measure_peer
from bench.promotion import measure_promotion
from bench.reconcile import measure_reconcile, measure_reconcile_memory
from bench.recovery import measure_recovery
from bench.reindex import measure_reindex
from bench.report import write_report
from bench.results import load, save
from bench.spread import measure_spread
from bench.stream import measure_stream
from bench.writers import measure_writers
from stack.config import load_config

MEASUREMENTS = {
    "airflow": measure_airflow,
    "backfill": measure_speed,
    "latency": measure_latency,
    "parts": measure_parts,
    "ceiling": measure_ceiling,
    "beside": measure_beside,
    "growth": measure_growth,
    "mark": measure_mark,
    "memory": measure_memory,
    "dags": measure_dags,
    "drift": measure_drift,
    "outages": measure_outages,
    "reconcile": measure_reconcile,
    "reconcile_memory": measure_reconcile_memory,
    "peer": measure_peer,
    "promotion": measure_promotion,
    "recovery": measure_recovery,
    "reindex": measure_reindex,
    "spread": measure_spread,
    "stream": measure_stream,
    "writers": measure_writers,
}


QUICK = ("backfill", "stream")
WORSE = 1.2
"""A ratio that is so much worse than the recorded one is a regression: the machine's noise is in both of its parts."""


def main() -> None:
    """Run the measurements that are named, by default all, and record them; `--check` compares with the record."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--check", action="store_true", help="record nothing; fail when a ratio has become worse")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MEASUREMENTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(MEASUREMENTS)}")
    logging.basicConfig(level=logging.WARNING)
    os.environ.update(load_config().environment())
    recorded = load()
    worse: list[str] = []
    for name in arguments.names or (QUICK if arguments.check else MEASUREMENTS):
        for key, result in (found := MEASUREMENTS[name]()).items():
            target = f"   target {result.target} ({result.better} is better)" if result.target is not None else ""
            print(f"{key:50} {result.value:>10,} {result.unit}{target}", flush=True)
            if result.unit == "ratio" and key in recorded and result.is_worse(recorded[key], WORSE):
                worse.append(f"{key} is {result.value:,}, recorded is {recorded[key].value:,}")
        if not arguments.check:
            save(found)
    if not arguments.check:
        write_report()
    elif worse:
        sys.exit("bench: worse than recorded: " + "; ".join(worse))


if __name__ == "__main__":
    main()
