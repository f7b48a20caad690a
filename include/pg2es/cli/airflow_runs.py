"""`--airflow`: a job is done by its DAG; the shell starts a run, says how far it is, and ends as it does."""

from typing import Any

from rich.text import Text

from pg2es.adapters.airflow import Progress, Run
from pg2es.cli.console import err, out
from pg2es.core.config import Project
from pg2es.services.clients import Clients


def run_dag(project: Project, job: str, name: str, **params: Any) -> None:
    """Run the DAG of a job of a pipeline or source, and print its note. A Param that is None is as the file says.

    Raises AirflowError with what the first task that failed says. Whoever interrupts it leaves the run alone.
    """
    airflow = Clients(project).airflow
    dag_id = f"{job}_{name}"
    airflow.check_runnable(dag_id)
    run = airflow.create_run(dag_id, {key: value for key, value in params.items() if value is not None})
    err.print(Text(f"DAG {dag_id} runs: {airflow.page(run)}"))
    with err.status("") as status:

        def show(_: Run, progress: Progress) -> None:
            status.update(Text(_describe(progress)))

        airflow.wait([run], watch=show)
    out.print(Text(airflow.read_note(run) or f"DAG {dag_id} has succeeded."))


def _describe(progress: Progress) -> str:
    """Return how many tasks are done and which are not yet, those that are waited for by somebody among them."""
    under_way = dict.fromkeys(task.task_id for task in progress.tasks if task.state in ("running", "deferred"))
    tasks = f"{progress.done} of {len(progress.tasks)} tasks done"
    return f"{progress.state}: {', '.join([tasks, *under_way])}"
