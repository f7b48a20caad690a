"""Servers are killed under writers: everything goes on by itself, and every document equals its row afterwards."""

from collections.abc import Iterator

import pytest

from bench.ground import Ground, prepare_ground
from bench.outages import (
    SERVERS,
    TAKEOVER_TARGET_S,
    check_equal,
    live_sink,
    lose_server,
    lose_worker,
    wait_until_searchable,
    writing,
)
from bench.reindex import fill

ROWS = 20_000


@pytest.fixture(scope="module")
def ground(stack_environment: dict[str, str]) -> Iterator[Ground]:
    """A table with a live generation."""
    with prepare_ground(ROWS) as made:
        fill(made)
        yield made


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_dies_and_comes_back(ground: Ground, server: str) -> None:
    with writing(ground) as changes:
        lose_server(ground, server)
        before = changes.committed
        wait_until_searchable(ground)
        assert changes.committed > before, "nobody wrote after the outage"
    assert (changes.lost > 0) == (server == "postgres")
    check_equal(ground)


@pytest.mark.parametrize("end", ["source", "sink"])
def test_another_worker_takes_over(ground: Ground, end: str) -> None:
    with writing(ground):
        connector = ground.source.connector if end == "source" else live_sink(ground)
        assert lose_worker(ground, connector) < TAKEOVER_TARGET_S
    check_equal(ground)
