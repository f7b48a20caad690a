"""Tasks of the reconcile DAG."""

import os
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from pg2es_airflow.assets import reconciled
from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_pipeline

RUNS_VARIABLE = "PG2ES_RUNS"


def reconcile(pipeline: str) -> dict[str, str]:
    """Compare, repair, report; return the outcome and a text. The list of what differed goes into the run's folder.

    Skipped while the pipeline has no index at all: before its first backfill there is nothing to compare.
    """
    from pg2es.core.drift import Deep
    from pg2es.services.drift import reconcile, write_drift_file
    from pg2es.services.generations import list_generations

    context = get_current_context()
    params = context["params"]
    servers, model = of_pipeline(pipeline)
    if not list_generations(servers.elasticsearch, model):
        text = f"Pipeline {pipeline} has no index yet: run the DAG backfill_{pipeline}."
        write_run_note(text)
        raise AirflowSkipException(text)
    done = reconcile(
        servers,
        model,
        deep=Deep(params["deep"]),
        repair=params["repair"],
        max_repair_fraction=params["max_repair_fraction"],
    )
    text = str(done)
    if done.found.drifted:
        file = run_folder() / "drift.csv"
        write_drift_file(file, done)
        text += f" All ids: {file}"
    write_run_note(text)
    context["outlet_events"][reconciled(pipeline)].extra = {"outcome": done.outcome.value, **done.counts}
    return {"outcome": done.outcome.value, "text": text}


def check(result: dict[str, Any]) -> None:
    """Fail unless both sides are equal now."""
    from pg2es.core.drift import Outcome
    from pg2es.core.errors import DriftFound

    if not Outcome(result["outcome"]).is_good:
        raise DriftFound(result["text"])


def run_folder() -> Path:
    """Return the folder for files of the current run, `<PG2ES_RUNS>/<dag>/<run>`, by default under AIRFLOW_HOME."""
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    run = get_current_context()["dag_run"]
    return Path(os.environ.get(RUNS_VARIABLE, home / "pg2es-runs")) / run.dag_id / run.run_id
