"""The DAGs, run in this process against the real servers and a project folder of the test's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pg2es.adapters.elasticsearch import indices
from pg2es.core.errors import AccessDenied, ElasticsearchUnavailable, PostgresUnavailable, TableRewritten
from pg2es.core.generations import sink_connector
from pg2es.core.reports import REPORTS_INDEX
from pg2es.services import dead_letters as replay
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.waiting import wait_for
from tests import oracle
from tests.dags.conftest import read_dags
from tests.full_disk import full_disk
from tests.support import CHECKOUT, Database, ProjectFolder, wait_for_state

if TYPE_CHECKING:
    from airflow.sdk import DAG

# Airflow's own warnings are Airflow's business.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("airflow_database")]


@pytest.fixture
def dags(notes: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> "dict[str, DAG]":
    """The DAGs of a project with one pipeline, `notes`."""
    monkeypatch.setenv("PG2ES_CONFIG", str(notes.folder))
    return read_dags(CHECKOUT / "dags")


def test_backfill_and_connectors(dags: "dict[str, DAG]", streamed_folder: ProjectFolder, database: Database) -> None:
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    pipeline = clients.project.pipeline("notes")

    deployed = dags["connectors"].test(run_conf={"source": source.name, "action": "deploy"})
    assert deployed.state == "success"
    assert clients.connect.list_connectors().count(source.connector) == 1

    run = dags["backfill_notes"].test(run_conf={"chunks": 3, "parallelism": 2})
    assert run.state == "success"
    copied = [task for task in run.get_task_instances() if task.task_id == "copy_chunk"]
    assert len(copied) >= 3
    live = require_live_generation(clients.elasticsearch, pipeline)
    index = live.index
    assert indices.count_documents(clients.elasticsearch, index) == 3000
    oracle.check(clients, pipeline, live)
    assert clients.connect.status(sink_connector(index)) is not None
    settings = clients.elasticsearch.indices.get_settings(index=index)[index]["settings"]["index"]
    assert "refresh_interval" not in settings  # only while the index was built

    indices.refresh_index(clients.elasticsearch, REPORTS_INDEX)
    found = clients.elasticsearch.search(index=REPORTS_INDEX, query={"match_phrase": {"text": index}})
    [report] = [hit["_source"] for hit in found["hits"]["hits"]]
    assert (report["kind"], report["pipeline"], report["details"]["rows"]) == ("backfill", "notes", 3000)
    assert "3,000 rows in" in report["text"]

    removed = dags["connectors"].test(run_conf={"source": source.name, "action": "remove"})
    assert removed.state == "success"
    assert database.fetch("SELECT FROM pg_replication_slots WHERE database = current_database()") == []


def test_connectors_are_mended_steered_and_given_up(
    dags: "dict[str, DAG]", streamed_folder: ProjectFolder, database: Database
) -> None:
    def run(**params: Any) -> "tuple[str, str]":
        # A DAG object keeps the Params of its last run.
        done = dags["connectors"].test(run_conf={"action": "mend", "source": None, "pipeline": None} | params)
        states = {task.task_id: str(task.state) for task in done.get_task_instances()}
        return str(done.state), states["act"]

    platform = yaml.safe_load((streamed_folder.folder / "platform.yaml").read_text(encoding="utf-8"))
    connect = platform["connect"] | {"max_restarts": 1, "mend_every_min": 0.001}
    streamed_folder.change("platform.yaml", connect=connect)
    assert run() == ("success", "success")  # nothing is deployed, and that is all right
    database.execute("ALTER TABLE public.notes ADD COLUMN spare text")
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    sink = sink_connector(str(indices.live_generation(clients.elasticsearch, clients.project.pipeline("notes").alias)))

    assert run(action="pause", pipeline="notes") == ("success", "success")
    wait_for_state(clients.connect, sink, lambda status: status.state == "PAUSED")
    assert run() == ("success", "success")
    wait_for_state(clients.connect, sink, lambda status: status.state == "PAUSED")
    assert run(action="stop", source=source.name) == ("success", "success")
    wait_for_state(clients.connect, source.connector, lambda status: status.state == "STOPPED" and not status.tasks)
    assert run(action="resume") == ("success", "success")
    wait_for_state(clients.connect, source.connector, lambda status: status.running)
    wait_for_state(clients.connect, sink, lambda status: status.running)
    for action in ("remove", "reset"):  # of nothing that anybody named
        refused = {"action": action, "source": None, "pipeline": None}
        assert dags["connectors"].test(run_conf=refused).state == "failed"

    database.execute("ALTER TABLE public.notes DROP COLUMN spare", "UPDATE public.notes SET note = 'new' WHERE id = 1")
    wait_for_state(clients.connect, sink, lambda status: status.failed)
    assert run() == ("success", "success")  # restarted
    wait_for_state(clients.connect, sink, lambda status: status.failed)
    assert run() == ("failed", "failed")  # given up
    database.execute("ALTER TABLE public.notes ADD COLUMN spare text")
    assert run(action="restart", source=source.name, pipeline="notes") == ("success", "success")
    wait_for_state(clients.connect, sink, lambda status: status.running)
    assert run() == ("success", "success")


def test_reindex_and_rollback(dags: "dict[str, DAG]", streamed_folder: ProjectFolder, database: Database) -> None:
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    clients = streamed_folder.clients()
    pipeline = clients.project.pipeline("notes")
    client = clients.elasticsearch
    first = indices.live_generation(client, pipeline.alias)
    assert first

    unneeded = dags["reindex_notes"].test()
    states = {task.task_id: task.state for task in unneeded.get_task_instances()}
    assert states.pop("plan") == "success"
    assert set(states.values()) == {"skipped"}

    mapping = {"mappings": {"dynamic": False, "properties": {"note": {"type": "text"}}}}
    streamed_folder.write("mappings/notes.json", mapping)
    database.execute("INSERT INTO public.notes VALUES (5000, 'a needle in it')")
    assert dags["reindex_notes"].test(run_conf={"chunks": 2, "verify": "bytes"}).state == "success"
    second = indices.live_generation(client, pipeline.alias)
    assert second is not None
    assert second > first
    assert client.count(index=pipeline.alias, query={"match": {"note": "needle"}})["count"] == 1
    oracle.check(clients, pipeline, require_live_generation(client, pipeline))

    assert dags["rollback_notes"].test().state == "success"
    assert indices.live_generation(client, pipeline.alias) == first
    assert indices.count_documents(client, pipeline.alias) == 3001  # its sink went on
    assert dags["rollback_notes"].test(run_conf={"keep_old_for": 0}).state == "success"
    assert indices.live_generation(client, pipeline.alias) == second

    assert dags["retire"].test().state == "success"
    assert list(indices.list_generations(client, pipeline.alias).values()) == [second]
    assert clients.connect.config(sink_connector(first)) is None


def test_reconcile(
    dags: "dict[str, DAG]", streamed_folder: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG2ES_RUNS", str(tmp_path))
    early = dags["reconcile_notes"].test()
    assert {task.task_id: task.state for task in early.get_task_instances()} == {
        "reconcile": "skipped",
        "check": "skipped",
    }
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    clients = streamed_folder.clients()
    pipeline = clients.project.pipeline("notes")
    clients.elasticsearch.delete(index=pipeline.alias, id="7", refresh=True)

    failed = dags["reconcile_notes"].test(run_conf={"repair": False})
    assert failed.state == "failed"
    assert {task.task_id: task.state for task in failed.get_task_instances()} == {
        "reconcile": "success",
        "check": "failed",
    }
    repaired = dags["reconcile_notes"].test(run_conf={"repair": True})  # `test` keeps the Params of the run before
    assert repaired.state == "success"
    assert clients.elasticsearch.exists(index=pipeline.alias, id="7")
    file = tmp_path / "reconcile_notes" / repaired.run_id / "drift.csv"
    assert file.read_text(encoding="utf-8").splitlines() == ["kind,id,differs", "missing,7,False"]

    clients.elasticsearch.delete(index=pipeline.alias, id="8", refresh=True)
    with full_disk(tmp_path / "full") as disk:
        monkeypatch.setenv("PG2ES_RUNS", str(disk))
        full = dags["reconcile_notes"].test(run_conf={"repair": True})
        assert full.state == "success"
        assert not [*disk.rglob("drift.csv")]
    assert clients.elasticsearch.exists(index=pipeline.alias, id="8")
    task = full.get_task_instance("reconcile")
    assert "drift.csv, cannot be written: No space left on device." in task.xcom_pull(task_ids="reconcile")["text"]


def test_rejected_documents_fail_the_run_at_its_end(
    dags: "dict[str, DAG]", database: Database, streamed_folder: ProjectFolder
) -> None:
    database.execute("UPDATE public.notes SET note = repeat('x', 40000) WHERE id = 7")  # longer than a keyword may be
    run = dags["backfill_notes"].test(run_conf={"chunks": 2})
    assert run.state == "failed"
    states = {task.task_id: task.state for task in run.get_task_instances()}
    assert states == {
        "prepare": "success",
        "plan_chunks": "success",
        "copy_chunk": "success",
        "finish": "failed",
        "start_over": "skipped",
        "done": "upstream_failed",
    }
    clients = streamed_folder.clients()
    index = indices.live_generation(clients.elasticsearch, clients.project.pipeline("notes").alias)
    assert index
    assert indices.count_documents(clients.elasticsearch, index) == 2999


def test_dead_letters_are_shown_then_replayed_once_a_reindex_has_mended_the_mapping(
    dags: "dict[str, DAG]", streamed_folder: ProjectFolder, database: Database
) -> None:
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    show, replay_all = dags[f"dead_letters_{source.name}"], dags[f"replay_{source.name}"]
    index = indices.live_generation(clients.elasticsearch, f"{streamed_folder.prefix}notes")

    database.execute("UPDATE public.notes SET note = repeat('x', 40000) WHERE id = 7")  # longer than a keyword may be
    wait_for(
        lambda: replay.list_groups(clients, source),
        timeout_s=60,
        on_timeout=lambda: AssertionError("the sink wrote no dead letter"),
    )
    assert show.test().state == "success"
    group = f"{index}/document_parsing_exception/note"
    [report] = _reports(clients, "dead_letters", source.name)
    assert [(found["name"], found["count"]) for found in report["details"]["groups"]] == [(group, 1)]
    assert len(report["text"]) < 1000  # what Elasticsearch quotes is cut

    assert replay_all.test(run_conf={"group": group}).state == "failed"
    # A Param of an earlier run stays in a DAG that is only tested.
    assert replay_all.test(run_conf={"group": None, "discard": True}).state == "failed"
    assert len(replay.list_groups(clients, source)) == 1

    mapping = {"mappings": {"dynamic": False, "properties": {"note": {"type": "keyword", "ignore_above": 100}}}}
    streamed_folder.write("mappings/notes.json", mapping)
    assert dags["reindex_notes"].test(run_conf={"chunks": 2, "force": True}).state == "success"
    assert replay_all.test(run_conf={"group": None, "discard": False}).state == "success"
    assert replay.list_groups(clients, source) == []
    assert [report["details"].get("resolved") for report in _reports(clients, "replay", source.name)] == [0, 1]


def test_the_monitor_names_its_tasks_after_what_is_wrong(
    dags: "dict[str, DAG]", streamed_folder: ProjectFolder, database: Database
) -> None:
    def run() -> "dict[str | None, str]":
        tasks = dags["monitor"].test().get_task_instances()
        return {task.rendered_map_index or task.task_id: str(task.state) for task in tasks}

    assert run() == {"look": "success", "breach": "skipped"}  # nothing is there yet, and nobody relies on it
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    assert run() == {"look": "success", "breach": "skipped"}
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    clients.connect.pause(source.connector)
    wait_for(
        lambda: (status := clients.connect.status(source.connector)) is not None and not status.running,
        timeout_s=60,
        on_timeout=lambda: AssertionError("the source is not paused"),
    )
    assert run() == {"look": "success", f"connector_not_running {source.connector}": "failed"}


def _reports(clients: Clients, kind: str, name: str) -> list[dict[str, Any]]:
    """Return the reports of a kind about a source, the oldest first."""
    indices.refresh_index(clients.elasticsearch, REPORTS_INDEX)
    query = {"bool": {"filter": [{"term": {"kind": kind}}, {"term": {"pipeline": name}}]}}
    found = clients.elasticsearch.search(index=REPORTS_INDEX, query=query, sort=[{"at": "asc"}])
    return [hit["_source"] for hit in found["hits"]["hits"]]


def test_params_are_refused_before_anything_runs(dags: "dict[str, DAG]") -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="parallelism"):
        dags["backfill_notes"].test(run_conf={"parallelism": 0})


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (AccessDenied("x"), "fail"),
        (TableRewritten("public.notes"), "fail"),
        (PostgresUnavailable("x"), "default"),
        (ElasticsearchUnavailable("x"), "default"),
        (RuntimeError("a bug, or a driver's error"), "default"),
    ],
)
def test_permanent_errors_fail_at_once_and_others_are_tried_again(error: Exception, action: str) -> None:
    from pg2es_airflow.retries import DEFAULT_ARGS

    decision = DEFAULT_ARGS["retry_policy"].evaluate(error, try_number=1, max_tries=5)
    assert decision.action.value == action


def test_the_retries_of_a_task_are_those(dags: "dict[str, DAG]") -> None:
    from pg2es_airflow.retries import DEFAULT_ARGS

    retries = {(dag.dag_id, task.task_id): task.retries for dag in dags.values() for task in dag.tasks}
    assert retries.pop(("connectors", "recover")) == 0  # its DAG runs again soon
    assert set(retries.values()) == {DEFAULT_ARGS["retries"]}
    assert DEFAULT_ARGS["retries"] > 1
