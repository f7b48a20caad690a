"""Tasks of the reconcile DAG."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import ObjectStoragePath, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from pg2es_airflow.assets import SOMETIMES, drifted, reconciled
from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_pipeline

if TYPE_CHECKING:
    from pg2es.core.drift import Reconciliation

RUNS_VARIABLE = "PG2ES_RUNS"


def reconcile(pipeline: str) -> dict[str, str]:
    """Compare and repair as the Params say; see `compare`."""
    params = get_current_context()["params"]
    return compare(pipeline, params["deep"], repair=params["repair"], max_repair_fraction=params["max_repair_fraction"])


def compare(
    pipeline: str, deep: str, *, repair: bool | None = None, max_repair_fraction: float | None = None
) -> dict[str, str]:
    """Compare, repair, report; return the outcome and a text. The list of what differed goes into the run's folder.

    None: as the pipeline file says. Skipped while the pipeline has no index at all: before its first backfill there is
    nothing to compare.
    """
    from pg2es.core.drift import Deep
    from pg2es.services.drift import reconcile
    from pg2es.services.generations import list_generations

    servers, model = of_pipeline(pipeline)
    if not list_generations(servers.elasticsearch, model):
        text = f"Pipeline {pipeline} has no index yet: run the DAG backfill_{pipeline}."
        write_run_note(text)
        raise AirflowSkipException(text)
    done = reconcile(servers, model, deep=Deep(deep), repair=repair, max_repair_fraction=max_repair_fraction)
    text = str(done)
    found: dict[str, Any] = {"outcome": done.outcome.value, **done.counts}
    events = get_current_context()["outlet_events"]
    if done.found.drifted:
        text += f" {_list_all(done)}"
        events[SOMETIMES].add(drifted(pipeline), extra=found)
    write_run_note(text)
    events[reconciled(pipeline)].extra = found
    return {"outcome": done.outcome.value, "text": text}


def _list_all(done: "Reconciliation") -> str:
    """Write the list of what differed and say where it is, or why there is none: that makes no comparison fail."""
    from pg2es.services.drift import write_drift

    file = run_folder() / "drift.csv"
    place = file.path if file.protocol == "file" else file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as stream:  # type: ignore[no-untyped-call]  # not typed in Airflow
            write_drift(stream, done)
    except OSError as error:
        with suppress(OSError):
            file.unlink()  # what there is of it
        return f"The list of all ids, {place}, cannot be written: {error.strerror or error}."
    return f"All ids: {place}"


def check(result: dict[str, Any]) -> None:
    """Fail unless both sides are equal now."""
    from pg2es.core.drift import Outcome
    from pg2es.core.errors import DriftFound

    if not Outcome(result["outcome"]).is_good:
        raise DriftFound(result["text"])


def run_folder() -> ObjectStoragePath:
    """Return the folder for files of the current run, `<PG2ES_RUNS>/<dag>/<run>`, by default under AIRFLOW_HOME.

    PG2ES_RUNS may be the address of an object storage, such as `s3://connection@bucket/pg2es`.
    """
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    run = get_current_context()["dag_run"]
    return ObjectStoragePath(os.environ.get(RUNS_VARIABLE, (home / "pg2es-runs").as_uri())) / run.dag_id / run.run_id
