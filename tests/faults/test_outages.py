"""Servers are killed under writers: everything goes on by itself, and every document equals its row afterwards.

Those that are away for a short while, and a worker, are cells of the table (test_table.py) in every run.
"""

from collections.abc import Iterator

import pytest

from bench.ground import Ground, prepare_ground
from bench.outages import (
    DOWN_S,
    SERVERS,
    check_equal,
    live_sink,
    lose_server,
    lose_worker,
    wait_until_searchable,
    writing,
)
from bench.reindex import fill
from pg2es.services.generations import require_live_generation
from tests import oracle

ROWS = 20_000
PAUSE_S = 0.1


@pytest.fixture(scope="module")
def ground(stack_environment: dict[str, str]) -> Iterator[Ground]:
    """A table with a live generation."""
    with prepare_ground(ROWS) as made:
        fill(made)
        yield made


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_away_for_long(ground: Ground, server: str) -> None:
    with writing(ground, PAUSE_S) as changes:
        lose_server(ground, server, DOWN_S)
        before = changes.committed
        wait_until_searchable(ground)
        assert changes.committed > before, "nobody wrote after the outage"
    assert (changes.lost > 0) == (server == "postgres")
    check(ground)


def check(ground: Ground) -> None:
    check_equal(ground)
    oracle.check(
        ground.clients, ground.pipeline, require_live_generation(ground.clients.elasticsearch, ground.pipeline)
    )


@pytest.mark.long
@pytest.mark.parametrize("end", ["source", "sink"])
def test_another_worker_takes_over(ground: Ground, end: str) -> None:
    with writing(ground, PAUSE_S):
        connector = ground.source.connector if end == "source" else live_sink(ground)
        lose_worker(ground, connector)  # fails when nobody takes over; `python -m bench` measures how long it takes
    check(ground)
