"""The core flow on other versions of PostgreSQL and Elasticsearch than those that all other tests run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.planted import Planter
from pg2es.adapters.elasticsearch import read_version
from pg2es.core.drift import Deep, Outcome
from pg2es.services.drift import certify, reconcile
from stack.config import ENVIRONMENT_PREFIX, load_config
from stack.launcher import Stack
from tests import lanes
from tests.integration import jobs
from tests.integration.streamed import ROWS, Streamed
from tests.support import open_elasticsearch, temporary_stream

SERVICES = ("postgres", "kafka", "elasticsearch", "connect-1", "connect-2")
Versions = tuple[str, str]


@pytest.fixture(
    params=[
        ("15", "9"),
        pytest.param(("16", "8"), marks=pytest.mark.long),
        pytest.param(("17", "9"), marks=pytest.mark.long),
        pytest.param(("18", "9"), marks=pytest.mark.long),
    ],
    ids=lambda versions: "PostgreSQL {} and Elasticsearch {}".format(*versions),
)
def versions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Versions]:
    """A stack of its own with servers of these major versions, which everything in the test is about."""
    postgres, elasticsearch = request.param
    for name, value in lanes.variables(lanes.OTHER_VERSIONS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}VERSION_POSTGRES", postgres)
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}VERSION_ELASTICSEARCH", elasticsearch)
    config = load_config()
    stack = Stack(config)
    try:
        stack.up(SERVICES)
        for name, value in config.environment().items():
            monkeypatch.setenv(name, value)
        yield postgres, elasticsearch
    finally:
        stack.clean()


def test_it_goes_through(versions: Versions, tmp_path: Path) -> None:
    with open_elasticsearch() as client, temporary_stream(tmp_path, client) as made:
        streamed = Streamed(*made)
        clients, pipeline, database = streamed.clients, streamed.pipeline, streamed.database
        [(postgres,)] = database.fetch("SELECT current_setting('server_version_num')::int / 10000")
        assert (str(postgres), read_version(clients.elasticsearch).split(".")[0]) == versions
        assert streamed.slots() == [streamed.made_slot]

        database.execute("DELETE FROM public.parts WHERE id = 1", "INSERT INTO public.parts VALUES (1000, 'new')")
        streamed.change("streamed")
        streamed.check_equal()
        database.execute(
            "TRUNCATE public.parts", f"INSERT INTO public.parts SELECT n, 'again' FROM generate_series(1, {ROWS}) n"
        )
        streamed.check_equal()

        Planter(clients.elasticsearch, streamed.live.index).delete(["2"])
        done = reconcile(clients, pipeline, deep=Deep.ALL, repair=True)
        assert (done.outcome, done.repaired) == (Outcome.REPAIRED, 1)

        first = streamed.live.index
        jobs.run_reindex(clients, pipeline)
        assert streamed.live.index != first
        streamed.change("after the swap")
        jobs.roll_back(clients, pipeline)
        assert streamed.live.index == first
        streamed.check_equal()

        streamed.drop_slot()
        database.execute("UPDATE public.parts SET number = 'nobody streams it' WHERE id <= 5")
        jobs.recover(clients, pipeline)
        streamed.change("after the recovery")
        streamed.check_equal()
        assert streamed.breaches() == {}
        assert certify(clients, pipeline).found.clean
