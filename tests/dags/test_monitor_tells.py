"""What leaves the DAG monitor, to a real receiver: messages by a webhook, figures by StatsD."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.conftest import read_dags
from tests.support import CHECKOUT, ProjectFolder
from tests.webhook import Webhook, listening

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Airflow's own warnings are Airflow's business.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("airflow_database")]

NOWHERE = "http://127.0.0.1:9"
DOWN = "unreachable Kafka Connect"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with listening() as webhook:
        yield webhook


class Monitor:
    """The DAG monitor of a project without pipelines, whose servers can be hidden from it."""

    def __init__(self, dag: "DAG", patch: pytest.MonkeyPatch) -> None:
        self._dag = dag
        self._patch = patch

    def run(self, *, triggered: bool = False, **variables: str) -> dict[str, str]:
        """Run it with other PG2ES_* variables, and return the states of its tasks by their names.

        A run that somebody `triggered` has no logical date.
        """
        dates: dict[str, Any] = {"logical_date": None, "run_after": datetime.now(UTC)} if triggered else {}
        with self._patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"PG2ES_{name}", value)
            tasks = self._dag.test(**dates).get_task_instances()
        return {task.rendered_map_index or task.task_id: str(task.state) for task in tasks}


@pytest.fixture
def make_monitor(project_folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes the Monitor that tells these connections."""

    def make(*connections: str) -> Monitor:
        project_folder.change("platform.yaml", monitor={"notify": connections, "max_heap_percent": 100})
        monkeypatch.setenv("PG2ES_CONFIG", str(project_folder.folder))
        return Monitor(read_dags(CHECKOUT / "dags")["monitor"], monkeypatch)

    return make


def test_somebody_is_told_when_a_breach_begins_and_when_it_is_over(
    make_monitor: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", json.dumps(webhook.connection))
    monitor = make_monitor("alerts")
    assert monitor.run() == {"look": "success", "notify": "success", "breach": "skipped"}
    assert webhook.take() == []

    assert monitor.run(triggered=True, CONNECT_URLS=NOWHERE) == {"look": "success", "notify": "success", DOWN: "failed"}
    [(kind, title, text)] = webhook.take()
    assert (kind, title) == ("failure", f"pg2es: {DOWN}")
    assert text.startswith(f"{DOWN}: No Kafka Connect worker could answer")

    assert monitor.run(CONNECT_URLS=NOWHERE)["notify"] == "success"
    assert webhook.take() == [], "told already"

    assert monitor.run()["notify"] == "success"
    [(kind, title, _)] = webhook.take()
    assert (kind, title) == ("success", f"pg2es: over: {DOWN}")
    assert monitor.run()["notify"] == "success"
    assert webhook.take() == []


def test_who_could_not_be_told_is_told_by_the_next_run_and_nobody_twice(
    make_monitor: Any, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", json.dumps(webhook.connection))
    with listening() as other:
        monkeypatch.setenv("AIRFLOW_CONN_OTHERS", json.dumps(other.connection))
        monitor = make_monitor("alerts", "others")
        other.status = 503
        assert monitor.run(CONNECT_URLS=NOWHERE)["notify"] == "failed"
        assert (len(webhook.take()), len(other.take())) == (1, 0)
        other.status = 200
        assert monitor.run(CONNECT_URLS=NOWHERE)["notify"] == "success"
        assert (len(webhook.take()), len(other.take())) == (0, 1)


def test_a_connection_that_is_not_there_fails_the_task(make_monitor: Any) -> None:
    monitor = make_monitor("nobody")
    assert monitor.run()["notify"] == "success", "there is nothing to tell"
    assert monitor.run(CONNECT_URLS=NOWHERE)["notify"] == "failed"


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A StatsD server to which Airflow sends its metrics."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, monkeypatch.context() as patch:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        patch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
        patch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
        patch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(server.getsockname()[1]))
        yield server
    _read_metrics_settings()


def _read_metrics_settings() -> None:
    """Do what the process of a task does when it begins."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def _receive(server: socket.socket) -> dict[str, str]:
    """Return what came, the values by the names."""
    found: dict[str, str] = {}
    while True:
        try:
            name, value = server.recv(65_536).decode().rsplit(":", 1)
        except TimeoutError:
            return found
        found[name] = value


@pytest.mark.parametrize(
    ("tags", "worker", "breaches"),
    [
        ("False", "connect_worker_up.http___127_0_0_1_9", "breaches.unreachable"),
        ("True", "connect_worker_up,worker=http___127.0.0.1_9", "breaches,kind=unreachable"),
    ],
)
def test_the_figures_are_metrics_of_airflow(
    make_monitor: Any,
    statsd: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    stack_environment: dict[str, str],
    tags: str,
    worker: str,
    breaches: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", tags)
    _read_metrics_settings()
    up = stack_environment["PG2ES_CONNECT_URLS"].split(",")[0]
    monitor = make_monitor()
    monitor.run(CONNECT_URLS=f"{NOWHERE},{up}", KAFKA_BOOTSTRAP="127.0.0.1:9")
    found = {name: value for name, value in _receive(statsd).items() if ".pg2es." in name}
    assert found[f"airflow.pg2es.{worker}"] == "0|g"
    assert found[f"airflow.pg2es.{breaches}"] == "1|g"
    assert float(found["airflow.pg2es.look_duration_seconds"].removesuffix("|g")) > 0
    assert not any(name.startswith("airflow.pg2es.kafka_brokers") for name in found), "it was not seen"
