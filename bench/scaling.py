"""A model of growth past one machine: each server has cores, and each row costs each server some CPU.

The rate is that of the server which saturates first. The costs are those measured; a replica costs Elasticsearch as
much again as the primary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.results import Result

MILLION = 1_000_000
SHARED = "shared"
"""Name of the cores of a machine on which all servers run."""


@dataclass(frozen=True)
class Installation:
    """How many cores each server can use: a lane of a backfill is one of pg2es, a connector's task one of Connect."""

    name: str
    cores: Mapping[str, float]
    replicas: int = 0


INSTALLATIONS = {
    "backfill_flat": (
        Installation("all on two cores", {SHARED: 2}),
        Installation("2 lanes; PostgreSQL 4 cores; Elasticsearch 8", {"pg2es": 2, "postgres": 4, "elasticsearch": 8}),
        Installation(
            "8 lanes; PostgreSQL 8 cores; Elasticsearch 3 x 8, a replica",
            {"pg2es": 8, "postgres": 8, "elasticsearch": 24},
            replicas=1,
        ),
        Installation(
            "8 lanes; PostgreSQL 16 cores; Elasticsearch 6 x 16, a replica",
            {"pg2es": 8, "postgres": 16, "elasticsearch": 96},
            replicas=1,
        ),
    ),
    "stream": (
        Installation("all on two cores", {SHARED: 2}),
        Installation(
            "one sink task; PostgreSQL 4 cores; Elasticsearch 8", {"connect": 2, "postgres": 4, "elasticsearch": 8}
        ),
        Installation(
            "4 sink tasks; PostgreSQL 8 cores; Elasticsearch 3 x 8, a replica",
            {"connect": 5, "postgres": 8, "elasticsearch": 24},
            replicas=1,
        ),
    ),
}
"""Of each job, some to compare; the first is the one that was measured."""


@dataclass(frozen=True)
class Prediction:
    """Rows a second, and which server has no more to give."""

    rows_per_s: float
    limit: str

    def hours(self, rows: int) -> float:
        """Return how long so many rows take."""
        return rows / self.rows_per_s / 3600


def read_costs(results: Mapping[str, Result], job: str) -> dict[str, float]:
    """Return the CPU seconds that a million rows of a job cost each server."""
    prefix = f"{job}_cpu_s_per_million_"
    return {name.removeprefix(prefix): found.value for name, found in results.items() if name.startswith(prefix)}


def predict(costs: Mapping[str, float], installation: Installation, most: Mapping[str, float]) -> Prediction:
    """Return the rate of an installation, where `most` are rates that no core more can raise, by what sets them."""
    costs = dict(costs) | {"elasticsearch": costs["elasticsearch"] * (1 + installation.replicas)}
    if SHARED in installation.cores:
        rates = {"all cores": installation.cores[SHARED] * MILLION / sum(costs.values())}
    else:
        rates = {name: cores * MILLION / costs[name] for name, cores in installation.cores.items()}
    rates |= most
    limit = min(rates, key=lambda name: rates[name])
    return Prediction(rates[limit], limit)
