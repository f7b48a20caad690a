"""Airflow's REST API: a run is asked for and watched, and one sentence says why it failed."""

import math
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
    wait_random,
)

from pg2es.core.errors import AccessDenied, AirflowError, AirflowUnavailable

TIMEOUT_S = 30
AWAY_S = 120
"""How long an API server may be away while a run is watched."""
_POLL_INTERVAL_S = 0.5
_PAGE = 1000


class RunState(StrEnum):
    """States of a DAG run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"


@dataclass(frozen=True)
class TaskInstance:
    """A task of a run; `map_index` is -1 unless it is mapped. `state` is None before it was looked at."""

    task_id: str
    map_index: int
    state: str | None
    attempt: int

    @classmethod
    def from_api(cls, task: dict[str, Any]) -> Self:
        """Return what the API says."""
        return cls(task["task_id"], task["map_index"], task["state"], task["try_number"])

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    state: RunState
    tasks: tuple[TaskInstance, ...]

    @property
    def done(self) -> int:
        """How many of the tasks have succeeded."""
        return sum(task.state == "success" for task in self.tasks)


class Airflow:
    """One Airflow, and who acts there: a user, or whoever a token was given to."""

    def __init__(
        self,
        url: str,
        user: str | None = None,
        password: str | None = None,
        *,
        token: str | None = None,
        ca_certificate: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.user = user
        self.password = password
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        trusted = ssl.create_default_context(cafile=ca_certificate) if ca_certificate else True
        # One client, because a new one reads the certificates of the system, 0.1 s of CPU; no connection is kept,
        # because the server may be killed meanwhile.
        self._client = httpx.Client(verify=trusted, timeout=TIMEOUT_S, limits=httpx.Limits(max_keepalive_connections=0))

    def check_runnable(self, dag_id: str) -> None:
        """Raise AirflowError when there is no such DAG, or it is paused, so that no run of it would begin."""
        dag = self.call("GET", f"/dags/{dag_id}", missing_ok=True)
        if dag is None:
            raise AirflowError(f"Airflow at {self.url} has no DAG {dag_id}; does it read the same files?")
        if dag["is_paused"]:
            raise AirflowError(f"DAG {dag_id} is paused, so no run of it begins; unpause it in Airflow at {self.url}.")

    def create_run(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        """Create a run with these Params; it begins once the DAG is not paused."""
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        return Run(dag_id, run["dag_run_id"])

    def read_note(self, run: Run) -> str | None:
        """Return the note of a run."""
        note = self.call("GET", run.path)["note"]
        return str(note) if note else None

    def write_note(self, run: Run, note: str) -> None:
        """Write the note of a run."""
        self.call("PATCH", run.path, json={"note": note})

    def state(self, run: Run) -> RunState:
        """Return the state of a run."""
        return RunState(self.call("GET", run.path)["state"])

    def progress(self, run: Run) -> Progress:
        """Return how far a run has come."""
        state = self.state(run)
        found = self.call("GET", f"{run.path}/taskInstances", params={"limit": _PAGE})["task_instances"]
        return Progress(state, tuple(map(TaskInstance.from_api, found)))

    def wait(
        self, runs: Sequence[Run], timeout_s: float = math.inf, watch: Callable[[Run, Progress], None] | None = None
    ) -> None:
        """Wait for the end of all runs; `watch` sees each look at one. Raises AirflowError as soon as one fails.

        An API server that is away meanwhile is waited for, for two minutes.
        """
        deadline = time.monotonic() + timeout_s
        waiting = list(runs)
        while waiting:
            for run in tuple(waiting):
                state = _while_it_is_away(self._look, run, watch)
                if state is RunState.FAILED:
                    reason = self.explain(run, self.progress(run))
                    raise AirflowError(f"DAG {run.dag_id} has failed, {reason}\nAll of it: {self.page(run)}")
                if state is RunState.SUCCESS:
                    waiting.remove(run)
                elif time.monotonic() > deadline:
                    raise AirflowError(f"DAG {run.dag_id} runs for more than {timeout_s:.0f} s: {self.page(run)}")
            if waiting:
                time.sleep(_POLL_INTERVAL_S)

    def _look(self, run: Run, watch: Callable[[Run, Progress], None] | None) -> RunState:
        if watch is None:
            return self.state(run)
        progress = self.progress(run)
        watch(run, progress)
        return progress.state

    def explain(self, run: Run, progress: Progress) -> str:
        """Return why a run failed: the error of its first failed task."""
        failed = [task for task in progress.tasks if task.state == "failed"]
        if not failed:
            return "though none of its tasks did: somebody ended it."
        task = failed[0]
        path = f"{run.path}/taskInstances/{task.task_id}/logs/{task.attempt}"
        params = {"map_index": task.map_index, "full_content": True}
        content = self.call("GET", path, params=params)["content"]
        others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"task {task}{others}: {_last_error(content)}"

    def page(self, run: Run) -> str:
        """Return where people see a run."""
        return f"{self.url}/dags/{run.dag_id}/runs/{run.run_id}"

    def _log_in(self) -> None:
        if self.user is None:
            raise AccessDenied(f"Airflow at {self.url} refuses the token. Check airflow.token in platform.yaml.")
        credentials = {"username": self.user, "password": self.password}
        response = self._send("POST", "/auth/token", json=credentials)
        if response.is_error:
            raise AccessDenied(f"Airflow at {self.url} refuses the login of {self.user}. Check user and password.")
        self._headers = {"Authorization": f"Bearer {response.json()['access_token']}"}

    def call(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> Any:
        """Return what the API answers; AirflowError says what it refuses. `missing_ok`: None for what is not there."""
        if not self._headers:
            self._log_in()
        response = self._send(method, f"/api/v2{path}", **options)
        if response.status_code == httpx.codes.UNAUTHORIZED:  # tokens end after a while
            self._log_in()
            response = self._send(method, f"/api/v2{path}", **options)
        if missing_ok and response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            raise AirflowError(f"Airflow answers {response.status_code} to {method} {path}: {_detail(response)}")
        return response.json() if response.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        def send() -> httpx.Response:
            return self._client.request(method, f"{self.url}{path}", headers=self._headers, **options)

        try:
            return _again_after_a_deadlock(send)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise AirflowUnavailable(f"Airflow at {self.url} cannot be reached ({reason}); is it up?") from error


def _is_database_error(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "Database error" in response.text


# Airflow's scheduler locks a task before its run, the end of a run by REST locks them the other way round. Then
# PostgreSQL rolls one of the two back; what was rolled back can be sent again.
_again_after_a_deadlock = Retrying(
    retry=retry_if_result(_is_database_error),
    wait=wait_random(max=1),
    stop=stop_after_attempt(5),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)


_while_it_is_away = Retrying(
    retry=retry_if_exception_type(AirflowUnavailable), wait=wait_fixed(1), stop=stop_after_delay(AWAY_S), reraise=True
)


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:300]


def _last_error(content: list[dict[str, Any]]) -> str:
    """Return the error that a task's log ends with."""
    for entry in reversed(content):
        if entry.get("error_detail"):
            error = entry["error_detail"][0]
            return f"{error['exc_type']}: {error['exc_value']}"
    return str(content[-1]["event"]) if content else "it left no log; its process may have been killed"
