"""The API of the console. It reads only: whatever changes something, the page asks of Airflow's own REST API.

Every endpoint, the page's own files included, wants a user who may see the DAG `monitor`: its log says the same.
Endpoints are plain functions, because they wait for servers, and run in the console's own threads: however long a
server lets them wait, Airflow's API has all of its own.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse

from pg2es.core.config import Pipeline
from pg2es.core.errors import ConfigError, Pg2esError, TransientError
from pg2es.services.clients import Clients
from pg2es_airflow.console import views
from pg2es_airflow.console.threads import in_own_threads
from pg2es_airflow.project import clients

MONITOR = "monitor"
STATIC = Path(__file__).parent / "static"
POINTS = 120
STRIP_POINTS = 48
STRIP = timedelta(hours=24)


def open_clients() -> Iterator[Clients]:
    """Give clients of the project as the files are now."""
    servers = clients()
    try:
        yield servers
    finally:
        servers.close()


Servers = Annotated[Clients, Depends(open_clients)]


def find_pipeline(name: str, servers: Servers) -> Pipeline:
    """Return the pipeline of the path; 404 when no file has it."""
    if name not in servers.project.pipelines:
        known = ", ".join(sorted(servers.project.pipelines)) or "none"
        raise HTTPException(404, f"There is no pipeline {name}; known: {known}.")
    return servers.project.pipelines[name]


PipelineOfPath = Annotated[Pipeline, Depends(find_pipeline)]


def make_app() -> FastAPI:
    """Return the API."""
    app = FastAPI(
        title="pg2es",
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=MONITOR))],
        # Their routes know no dependencies: anybody could read them.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_exception_handler(Pg2esError, answer_error)
    app.get("/api/overview")(in_own_threads(get_overview))
    app.get("/api/pipelines/{name}")(in_own_threads(get_pipeline))
    app.get("/api/pipelines/{name}/progress")(in_own_threads(get_progress))
    app.get("/api/pipelines/{name}/history")(in_own_threads(get_history))
    app.get("/api/pipelines/{name}/plan")(in_own_threads(get_plan))
    app.get("/api/pipelines/{name}/connectors")(in_own_threads(get_connectors))
    app.get("/api/pipelines/{name}/dead-letters")(in_own_threads(get_dead_letters))
    app.get("/static/{file}")(get_file)
    return app


def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong: 503 where trying again may help, 500 for the files, 502 for what a server refuses."""
    status = 503 if isinstance(error, TransientError) else 500 if isinstance(error, ConfigError) else 502
    return JSONResponse({"detail": str(error)}, status)


def get_overview(servers: Servers, user: GetUserDep) -> dict[str, Any]:
    """Everything at a glance, from the newest look of the monitor."""
    return views.show_overview(servers, STRIP, STRIP_POINTS) | {"actions": _may_run([MONITOR], user)}


def get_pipeline(pipeline: PipelineOfPath, servers: Servers, user: GetUserDep) -> dict[str, Any]:
    """A pipeline: its last figures, generations, reports, and which of its DAGs the user may run."""
    dags = [
        MONITOR,
        "connectors",
        f"replay_{pipeline.source}",
        *(f"{job}_{pipeline.name}" for job in ("backfill", "reconcile", "reindex", "rollback")),
    ]
    return views.show_pipeline(servers, pipeline) | {"actions": _may_run(dags, user)}


def get_progress(pipeline: PipelineOfPath, servers: Servers) -> dict[str, Any]:
    """How many documents were written, for the rate of a backfill or a reindex."""
    return views.show_progress(servers, pipeline)


def get_history(
    pipeline: PipelineOfPath, servers: Servers, hours: Annotated[float, Query(gt=0, le=24 * 366)] = 6
) -> dict[str, Any]:
    """Figures over time, of a pipeline and its source."""
    return views.show_history(servers, pipeline, timedelta(hours=hours), POINTS)


def get_plan(pipeline: PipelineOfPath, servers: Servers) -> dict[str, Any]:
    """How files and database differ from the live generation, as far as that is known without a try."""
    return views.show_plan(servers, pipeline)


def get_connectors(pipeline: PipelineOfPath, servers: Servers) -> list[dict[str, Any]]:
    """The connectors behind a pipeline, their tasks, and whole traces."""
    return views.show_connectors(servers, pipeline)


def get_dead_letters(pipeline: PipelineOfPath, servers: Servers) -> dict[str, Any]:
    """The groups of open dead letters of the pipeline's source. Reads the records, unless there are too many."""
    return views.show_dead_letters(servers, pipeline)


def get_file(file: str) -> FileResponse:
    """A file of the page."""
    if file not in {path.name for path in STATIC.iterdir()}:
        raise HTTPException(404, f"There is no file {file}.")
    # Asked for each time, and sent when it has changed: a new version of pg2es is seen at once.
    return FileResponse(STATIC / file, headers={"Cache-Control": "no-cache"})


def _may_run(dag_ids: list[str], user: Any) -> dict[str, bool]:
    """Return which DAGs the user may run. The page hides buttons by it; Airflow is who refuses."""
    manager = get_auth_manager()
    return {
        dag_id: manager.is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )
        for dag_id in dag_ids
    }
