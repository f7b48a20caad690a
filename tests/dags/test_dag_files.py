"""The DAG files as Airflow reads them."""

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest

from tests.support import CHECKOUT

JOBS = ("backfill", "reconcile", "reindex", "rollback")
"""DAG files that make a DAG for each pipeline."""

HEAVY = ("elasticsearch", "confluent_kafka", "pandas", "psycopg", "orjson", "pg2es.services")
PARSE = f"""
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
from pg2es_airflow import project
load, loads = project.load_project, []
project.load_project = lambda folder: loads.append(folder) or load(folder)
started = time.process_time()
bag = DagBag({str(CHECKOUT / "dags")!r}, collect_dags=False)
bag.collect_dags()
print(json.dumps({{
    "seconds": time.process_time() - started,
    "loads": len(loads),
    "errors": bag.import_errors,
    "heavy": [name for name in {HEAVY!r} if name in set(sys.modules) - before],
    "dags": {{
        dag.dag_id: {{
            "params": dag.params.dump(),
            "schemas": {{name: dag.params.get_param(name).schema for name in dag.params}},
            "tasks": {{task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}},
            "retries": sorted({{task.retries for task in dag.tasks}}),
            "max_active_runs": dag.max_active_runs,
            "catchup": dag.catchup,
            "scheduled": dag.schedule is not None,
            "doc": bool(dag.doc_md and dag.description),
        }}
        for dag in bag.dags.values()
    }},
}}))
"""


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    """What a fresh process finds in the DAG files, without any server."""
    run = subprocess.run([sys.executable, "-c", PARSE], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_files_are_read_without_errors_and_fast(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["heavy"] == []
    assert parsed["seconds"] < 2


def test_each_file_loads_the_project_once(parsed: dict[str, Any]) -> None:
    """Once more for each pipeline, it would take minutes where there are hundreds, and each task reads its DAG file."""
    assert parsed["loads"] == len(list((CHECKOUT / "dags").glob("*.py")))


def test_every_pipeline_and_every_source_has_its_dags(parsed: dict[str, Any]) -> None:
    pipelines = {file.stem for file in (CHECKOUT / "include" / "pipelines").glob("*.yaml")}
    for_each = {f"{job}_{pipeline}" for job in JOBS for pipeline in pipelines}
    for_each |= {f"{job}_shop" for job in ("dead_letters", "recover", "replay")}
    assert set(parsed["dags"]) == {"connectors", "monitor", "retire", "schema_watch", *for_each}


def test_every_dag_is_documented_and_runs_once_at_a_time(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        assert dag["doc"]
        assert dag["max_active_runs"] == 1
        assert dag["catchup"] is False
        assert dag["retries"] == ([0, 8] if name == "connectors" else [8])  # that one runs again soon


def test_only_the_watches_are_scheduled(parsed: dict[str, Any]) -> None:
    scheduled = {name for name, dag in parsed["dags"].items() if dag["scheduled"]}
    reconciliations = {name for name in parsed["dags"] if name.startswith("reconcile_")}
    assert scheduled == {"connectors", "dead_letters_shop", "monitor", "retire", "schema_watch", *reconciliations}


def test_steps_of_a_backfill(parsed: dict[str, Any]) -> None:
    assert parsed["dags"]["backfill_orders"]["tasks"] == {
        "prepare": ["finish", "plan_chunks", "start_over"],
        "plan_chunks": ["copy_chunk", "finish", "start_over"],
        "copy_chunk": ["finish", "start_over"],
        "finish": ["done", "start_over"],
        "done": [],
        "start_over": [],
    }


def test_steps_of_a_reindex_are_in_order(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["reindex_orders"]["tasks"]
    order = [
        "plan", "create_generation", "start_stream", "plan_chunks", "copy_chunk", "finish_build", "verify", "smoke",
        "ask", "approve", "swap", "retire",
    ]  # fmt: skip
    assert set(tasks) == {*order, "start_over"}
    for step, following in pairwise(order):
        assert following in tasks[step]
    assert "swap" in tasks["ask"]  # without an approval


def test_steps_of_a_recovery_are_in_order(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["recover_shop"]["tasks"]
    order = [
        "stop_streams", "renew_slot", "renew_positions", "start_streams", "compare", "plan_backfill", "backfill",
        "plan_reconcile", "reconcile", "settle", "compare_again", "finish",
    ]  # fmt: skip
    assert set(tasks) == set(order)
    for step, following in pairwise(order):
        assert following in tasks[step]


def test_params_are_checked_by_schemas(parsed: dict[str, Any]) -> None:
    backfill = parsed["dags"]["backfill_orders"]
    assert backfill["params"] == {"chunks": None, "parallelism": 2, "started_over": False}
    chunks, parallelism = backfill["schemas"]["chunks"], backfill["schemas"]["parallelism"]
    assert (chunks["type"], chunks["minimum"], chunks["maximum"]) == (["null", "integer"], 1, 1000)
    assert (parallelism["type"], parallelism["minimum"], parallelism["maximum"]) == ("integer", 1, 8)
    connectors = parsed["dags"]["connectors"]
    assert connectors["params"] == {"action": "mend", "source": None, "pipeline": None}
    assert connectors["schemas"]["source"]["enum"] == [None, "shop"]
    assert connectors["schemas"]["pipeline"]["enum"] == [None, "customers", "orders", "products"]
    assert connectors["schemas"]["action"]["enum"] == [
        "mend", "deploy", "pause", "resume", "restart", "stop", "reset", "remove", "remove_orphans",
    ]  # fmt: skip
    reindex = parsed["dags"]["reindex_orders"]
    assert reindex["params"] == {
        **backfill["params"],
        "approval": False,
        "force": False,
        "keep_old_for": 24,
        "take_over_index": False,
        "verify": "digest",
    }
    assert parsed["dags"]["reconcile_orders"]["params"] == {"deep": "part", "max_repair_fraction": 0.05, "repair": True}
    assert parsed["dags"]["reconcile_orders"]["schemas"]["deep"]["enum"] == ["none", "part", "all"]
    assert parsed["dags"]["rollback_orders"]["params"] == {"keep_old_for": 24}
    assert parsed["dags"]["replay_shop"]["params"] == {"group": None, "discard": False}
    assert parsed["dags"]["schema_watch"]["schemas"]["pipelines"]["items"]["enum"] == [
        "customers",
        "orders",
        "products",
    ]
    for dag in parsed["dags"].values():
        for schema in dag["schemas"].values():
            assert schema["title"]
