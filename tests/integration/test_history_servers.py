"""The history on real servers: samples of looks, points of charts, days that go."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.monitoring import Breach, Kind, PipelineStatus, Status, Subject, day_index
from pg2es.core.monitoring.status import Indexing
from pg2es.services.clients import Clients
from pg2es.services.monitoring import read_newest_look, read_samples, write_sample
from pg2es.services.monitoring.sizes import read_sizes
from stack.config import load_config
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder

ROWS = 40
OLD = datetime(2001, 3, 1, 12, 0, tzinfo=UTC)
"""So long ago that no other history is touched when days go."""


@pytest.fixture
def pipeline(streamed_folder: ProjectFolder, database: Database, unique_name: str) -> Pipeline:
    """A pipeline whose name no other history has."""
    database.execute(
        "CREATE TABLE public.parts (id bigint PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE public.parts_low PARTITION OF public.parts FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE public.parts_high PARTITION OF public.parts FOR VALUES FROM (10) TO (1000)",
        f"INSERT INTO public.parts SELECT n FROM generate_series(1, {ROWS}) n",
    )
    return streamed_folder.add_pipeline(unique_name, "public.parts")


@pytest.fixture
def clients(streamed_folder: ProjectFolder, pipeline: Pipeline) -> Clients:
    return streamed_folder.clients()


@pytest.fixture
def days(clients: Clients) -> Iterator[list[datetime]]:
    """Days whose indices the test makes; they go at the end."""
    made: list[datetime] = []
    yield made
    for day in made:
        indices.remove_index(clients.elasticsearch, day_index(day.date()))


def make_status(at: datetime, pipeline: Pipeline, per_s: float | None, behind: int = 0) -> Status:
    seen = PipelineStatus(
        name=pipeline.name, index=None, sink=None, sinks={}, lag={"topic-0": behind}, freshness=None,
        indexing=None if per_s is None else Indexing(per_s, None), runs={},
    )  # fmt: skip
    return Status(at, 1, {}, 1, None, {}, (), (seen,), True, frozenset(), ())


def test_points_are_means_or_maxima_of_an_interval(clients: Clients, pipeline: Pipeline, days: list[datetime]) -> None:
    now = datetime.now(UTC)
    client = clients.elasticsearch
    for minutes, per_s, behind in [(200, 10.0, 4), (199, 20.0, 90), (30, None, 7)]:
        write_sample(clients, make_status(now - timedelta(minutes=minutes), pipeline, per_s, behind), [])
    points = read_samples(client, Subject.PIPELINE, pipeline.name, timedelta(hours=240), 2)
    assert 1 <= len(points) <= 3
    assert max(point["behind"] for point in points) == 90
    assert [point["docs_per_s"] for point in points if point["docs_per_s"] is not None] == [15.0]
    fine = read_samples(client, Subject.PIPELINE, pipeline.name, timedelta(hours=1), 60)
    assert [(point["behind"], point["docs_per_s"], point["freshness_ms"]) for point in fine] == [(7, None, None)]
    assert read_samples(client, Subject.SOURCE, pipeline.name, timedelta(hours=240), 2) == []


def test_the_newest_look_is_the_one_that_is_shown(clients: Clients, pipeline: Pipeline, days: list[datetime]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)  # newer than what a monitor writes meanwhile
    days.append(tomorrow)
    breach = Breach(Kind.SINK_LAG, pipeline.name, "It lags.")
    write_sample(clients, make_status(tomorrow + timedelta(minutes=1), pipeline, 1.0), [breach])
    write_sample(clients, make_status(tomorrow, pipeline, 2.0), [])
    seen = read_newest_look(clients.elasticsearch)
    assert seen
    assert seen["breaches"] == [breach.to_json()]
    assert seen["pipelines"][0]["indexing"]["per_s"] == 1.0
    assert seen["sizes"][pipeline.name]["documents"] is None


def test_days_that_are_over_go_when_a_day_begins(
    clients: Clients, pipeline: Pipeline, days: list[datetime], streamed_folder: ProjectFolder
) -> None:
    days += [OLD, OLD + timedelta(days=1), OLD + timedelta(days=2)]
    streamed_folder.change("platform.yaml", monitor={"keep_days": 1})
    for day in days:
        write_sample(streamed_folder.clients(), make_status(day, pipeline, 1.0), [])
    kept = [day_index(day.date()) for day in days if indices.is_index(clients.elasticsearch, day_index(day.date()))]
    assert kept == [day_index(days[1].date()), day_index(days[2].date())]


def test_both_sides_are_sized(clients: Clients, pipeline: Pipeline, database: Database) -> None:
    assert read_sizes(clients, {})[pipeline.name].rows is None  # nothing was analysed yet
    run_backfill(clients, pipeline)
    database.execute("ANALYZE public.parts")
    live = indices.live_generation(clients.elasticsearch, pipeline.alias)
    assert live
    size = read_sizes(clients, {pipeline.name: live})[pipeline.name]
    assert (size.documents, size.rows) == (ROWS, ROWS)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("ELASTICSEARCH_URLS", "http://127.0.0.1:9", "has no sample"), ("POSTGRES_PORT", "9", "were not estimated")],
)
def test_a_server_that_is_down_fails_no_look(
    streamed_folder: ProjectFolder,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(f"PG2ES_{variable}", value)
    with caplog.at_level(logging.WARNING, logger="pg2es"):
        write_sample(streamed_folder.clients(), make_status(datetime.now(UTC), pipeline, 1.0), [])
    assert said in caplog.text


def test_closed_clients_keep_no_connection(clients: Clients) -> None:
    port = load_config().ports["elasticsearch"]

    def connections() -> set[int]:
        """Give the ports on this side: those of other tests' clients may close any time."""
        found = psutil.Process().net_connections("tcp")
        return {one.laddr.port for one in found if one.status == psutil.CONN_ESTABLISHED and one.raddr.port == port}

    before = connections()
    assert indices.list_indices(clients.elasticsearch, "nothing") == []
    (own,) = connections() - before
    clients.close()
    assert own not in connections()
