"""Airflow as the demo and the tests need it: they wait for a DAG's file, unpause DAGs, and end their runs."""

import time
from typing import Any

from pg2es.adapters import airflow
from pg2es.adapters.airflow import Run, RunState
from pg2es.core.errors import AirflowError

PARSED_TIMEOUT_S = 120
_POLL_INTERVAL_S = 0.5
_MOST = 1000


class Airflow(airflow.Airflow):
    """One Airflow, in which a run is begun whether the DAG was paused or not."""

    user: str
    password: str

    def wait_until_parsed(self, dag_id: str, timeout_s: float = PARSED_TIMEOUT_S) -> None:
        """Wait until Airflow has read the file of a DAG.

        Raises AirflowError with what Airflow says about the file when it does not come.
        """
        deadline = time.monotonic() + timeout_s
        while self.call("GET", f"/dags/{dag_id}", missing_ok=True) is None:
            errors = self.call("GET", "/importErrors")["import_errors"]
            if errors:
                last_line = errors[0]["stack_trace"].strip().splitlines()[-1]
                raise AirflowError(f"Airflow cannot read {errors[0]['filename']}: {last_line}")
            if time.monotonic() > deadline:
                raise AirflowError(f"Airflow has no DAG {dag_id} after {timeout_s:.0f} s; is the DAG processor up?")
            time.sleep(_POLL_INTERVAL_S)

    def unpause(self, dag_id: str) -> None:
        """Let the runs of a DAG begin, those of its schedule, too."""
        self._set_paused(dag_id, paused=False)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        """Start a run with these Params, as a user would: a DAG that was paused goes on."""
        self.unpause(dag_id)
        return self.create_run(dag_id, conf)

    def end_active_runs(self, dag_id: str) -> int:
        """Mark the runs of a DAG that are not over as failed, which ends their tasks; return how many there were.

        The DAG is paused by it: the scheduler leaves the runs of a paused DAG alone, and may die of a deadlock.
        """
        self._set_paused(dag_id, paused=True)
        params = {"state": [RunState.QUEUED.value, RunState.RUNNING.value], "limit": _MOST}
        runs = self.call("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"]
        for run in runs:
            self.call("PATCH", Run(dag_id, run["dag_run_id"]).path, json={"state": RunState.FAILED.value})
        return len(runs)

    def delete_dag(self, dag_id: str) -> None:
        """Remove what Airflow remembers of a DAG; it is made anew as long as its file is there."""
        self.call("DELETE", f"/dags/{dag_id}", missing_ok=True)

    def _set_paused(self, dag_id: str, *, paused: bool) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})
