"""What Prometheus scrapes of a real stream: `pg2es export`, and the MBeans of the workers."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from pg2es.core.generations import sink_connector
from pg2es.core.monitoring import MEANINGS
from pg2es.core.reports import ReportKind
from pg2es.services.generations import require_live_generation
from pg2es.services.reports import write_report
from pg2es.services.waiting import wait_for
from stack.config import load_config
from tests.dashboard import read_names
from tests.integration.batch import run_backfill
from tests.support import Database, ProjectFolder

Families = dict[str, Metric]
SINK_ATTRIBUTES = Path(__file__).parents[2] / "docs" / "sink.md"


def name_of(folder: ProjectFolder) -> str:
    """Return the name of the pipeline."""
    return f"{folder.source}-parts"


@pytest.fixture(scope="module")
def streamed(module_folder: tuple[ProjectFolder, Database]) -> ProjectFolder:
    """A pipeline that streams, and has been reconciled; reports outlive a test, so its name is one of its own."""
    folder, database = module_folder
    database.execute("CREATE TABLE public.parts (id bigint PRIMARY KEY, number text)")
    pipeline = folder.add_pipeline(name_of(folder), "public.parts", alias=f"{folder.prefix}parts")
    clients = folder.clients()
    run_backfill(clients, pipeline)
    write_report(clients.elasticsearch, ReportKind.BACKFILL, pipeline.name, "0 rows", {})
    counts = {"missing": 2, "stale": 0, "extra": 0, "altered": 0}
    write_report(clients.elasticsearch, ReportKind.RECONCILE, pipeline.name, "Two differ.", {"counts": counts}, "drift")
    database.execute("INSERT INTO public.parts SELECT n, n::text FROM generate_series(1, 100) n")
    return folder


@contextmanager
def exporting(folder: ProjectFolder, **variables: str) -> Iterator[str]:
    """Run `pg2es export` and give its address, at once: a scrape waits for the first look."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "pg2es", "--config", str(folder.folder), "export", "--every", "5"]
    process = subprocess.Popen([*command, "--listen", address], env=os.environ | variables)
    try:
        wait_for(lambda: _listens(address), timeout_s=60, on_timeout=lambda: AssertionError("it does not listen"))
        yield f"http://{address}/metrics"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def scrape(url: str, auth: tuple[str, str] | None = None) -> Families:
    """Return what an endpoint says, by the names of its families."""
    answer = httpx.get(url, auth=auth, timeout=90).raise_for_status()
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def figure(families: Families, name: str, **labels: str) -> float:
    """Return the one figure that has these labels."""
    [value] = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return float(value)


def test_every_figure_is_scraped(streamed: ProjectFolder, module_folder: tuple[ProjectFolder, Database]) -> None:
    clients = streamed.clients()
    live = require_live_generation(clients.elasticsearch, clients.project.pipeline(name_of(streamed))).index
    with exporting(streamed) as url:
        found = scrape(url)
        sample_names = {sample.name for family in found.values() for sample in family.samples}
        latency = "pg2es_pipeline_indexing_latency_seconds"  # only where something was written since the look before
        assert {f"pg2es_{name}" for name in MEANINGS} - sample_names <= {latency}
        assert {family.type for family in found.values()} == {"gauge", "counter"}
        assert found["pg2es_elasticsearch_rejections"].type == "counter"
        source = streamed.source
        assert figure(found, "pg2es_connector_running", source=source) == 1
        assert figure(found, "pg2es_connector_tasks", connector=sink_connector(live), state="RUNNING") >= 1
        assert figure(found, "pg2es_slot_active", source=source) == 1
        assert figure(found, "pg2es_slot_retained_wal_bytes", source=source) > 0
        assert figure(found, "pg2es_source_marker_reached", source=source) == 1
        assert 0 < figure(found, "pg2es_source_lag_seconds", source=source) < 30
        assert figure(found, "pg2es_pipeline_live", pipeline=name_of(streamed), index=live) == 1
        assert 0 < figure(found, "pg2es_pipeline_freshness_seconds", pipeline=name_of(streamed)) < 45
        topic = clients.project.source(source).topic_of("public.parts")
        assert figure(found, "pg2es_sink_lag_records", topic=topic, partition="2") == 0
        assert figure(found, "pg2es_pipeline_drift_documents", pipeline=name_of(streamed), kind="missing") == 2
        assert figure(found, "pg2es_pipeline_reconcile_outcome", pipeline=name_of(streamed), outcome="drift") == 1
        assert figure(found, "pg2es_breach", kind="drift", about=name_of(streamed)) == 1
        assert figure(found, "pg2es_breaches", kind="dead_letters") == 0

        looked = figure(found, "pg2es_look_timestamp_seconds")
        assert figure(scrape(url), "pg2es_look_timestamp_seconds") == looked, "a scrape looks at nothing"
        wait_for(
            lambda: figure(scrape(url), "pg2es_look_timestamp_seconds") >= looked + 5,
            timeout_s=60,
            on_timeout=lambda: AssertionError("it does not look again"),
        )
        module_folder[1].execute("UPDATE public.parts SET number = '0'")
        wait_for(
            lambda: latency in scrape(url),
            timeout_s=60,
            on_timeout=lambda: AssertionError("no look sees what was written"),
        )


def test_who_scrapes_has_to_log_in(streamed: ProjectFolder, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n", encoding="utf-8")
    login = {"PG2ES_METRICS_USER": "prometheus", "PG2ES_METRICS_PASSWORD_FILE": str(file)}
    with exporting(streamed, **login) as url:
        assert "pg2es_kafka_brokers" in scrape(url, ("prometheus", "s3cret"))
        for wrong in (None, ("prometheus", "secret"), ("pg2es", "s3cret")):
            answer = httpx.get(url, auth=wrong, timeout=90)
            assert (answer.status_code, answer.content) == (401, b"")
            assert answer.headers["www-authenticate"] == 'Basic realm="pg2es"'


@pytest.mark.parametrize(
    ("listen", "variables", "sentence"),
    [
        ("0.0.0.0:0", {}, "can be reached from other machines: set PG2ES_METRICS_USER"),
        ("127.0.0.1:0", {"PG2ES_METRICS_USER": "prometheus"}, "only one is set"),
        ("127.0.0.1:0", {"PG2ES_METRICS_USER": "a", "PG2ES_METRICS_PASSWORD_FILE": "/nowhere"}, "/nowhere cannot be"),
        ("9408", {}, "it takes HOST:PORT"),
        ("192.0.2.1:9408", {"PG2ES_METRICS_USER": "a", "PG2ES_METRICS_PASSWORD": "b"}, "cannot listen on 192.0.2.1"),
    ],
)
def test_it_refuses_to_listen(streamed: ProjectFolder, listen: str, variables: dict[str, str], sentence: str) -> None:
    command = [sys.executable, "-m", "pg2es", "--config", str(streamed.folder), "export", "--listen", listen]
    environment = os.environ | {"COLUMNS": "300"} | variables
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert sentence in ended.stderr


def test_the_mbeans_of_the_sink_are_scraped_by_the_rules_of_the_exporter(streamed: ProjectFolder) -> None:
    clients = streamed.clients()
    live = require_live_generation(clients.elasticsearch, clients.project.pipeline(name_of(streamed))).index
    ports = load_config().ports
    urls = [f"http://127.0.0.1:{ports[f'connect_{number}_metrics']}/metrics" for number in (1, 2)]

    def names(**labels: str) -> set[str]:
        return {
            sample.name
            for url in urls
            for family in scrape(url).values()
            for sample in family.samples
            if labels.items() <= sample.labels.items()
        }

    def written() -> float:
        return sum(
            sample.value
            for url in urls
            for family in scrape(url).values()
            for sample in family.samples
            if sample.name == "pg2es_sink_documents_written_total" and sample.labels["index"] == live
        )

    wait_for(lambda: written() >= 100, timeout_s=60, on_timeout=lambda: AssertionError(f"{written()} were written"))
    attributes = re.findall(r"^\| `([A-Z]\w+)` \|", SINK_ATTRIBUTES.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(attributes) > 15
    sink = {name for name in names(pipeline=name_of(streamed), index=live, task="0") if name.startswith("pg2es_sink_")}
    assert sink == {_name_of(attribute) for attribute in attributes}

    assert {"debezium_behind_source_seconds", "debezium_total_number_of_events_seen_total"} <= names(
        server=clients.project.source(streamed.source).topic_prefix
    )
    assert read_names() - {f"pg2es_{name}" for name in MEANINGS} - names() == set()
    assert "kafka_connect_sink_task_sink_record_read_total" in names(connector=sink_connector(live))
    assert "kafka_connect_task_error_total_record_failures" in names(connector=sink_connector(live))


def _name_of(attribute: str) -> str:
    """Return what an attribute of the sink is called in Prometheus."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", attribute).lower()
    if snake.endswith("_total_ms"):
        return f"pg2es_sink_{snake.removesuffix('_total_ms')}_seconds_total"
    if snake.endswith("_max_ms"):
        return f"pg2es_sink_{snake.removesuffix('_max_ms')}_max_seconds"
    return f"pg2es_sink_{snake}_total"
