"""Dead letters: the records whose documents Elasticsearch refused, in groups, and their replay.

Two DAGs for each source file. `dead_letters_<source>` looks every hour and only tells; `replay_<source>` reads the rows
again as they are now. What is refused again stays, and fails the run; what succeeds is resolved.
"""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param

from pg2es.core.config import Project
from pg2es_airflow import dead_letters
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the two DAGs of each source."""
    return [make(source) for source in project.sources for make in (make_watch, make_replay)]


def make_watch(source: str) -> DAG:
    """Return the DAG that shows the dead letters of a source."""
    with DAG(
        dag_id=f"dead_letters_{source}",
        description=f"Show the dead letters of {source} in groups.",
        doc_md=__doc__,
        schedule=timedelta(hours=1),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "dead letters", source],
    ) as dag:
        PythonOperator(task_id="show", python_callable=dead_letters.show, op_kwargs={"source": source})
    return dag


def make_replay(source: str) -> DAG:
    """Return the DAG that replays the dead letters of a source."""
    with DAG(
        dag_id=f"replay_{source}",
        description=f"Read again what the dead letters of {source} are about.",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "dead letters", source],
        params={
            "group": Param(
                None,
                type=["null", "string"],
                title="Group",
                description=f"One group, as `dead_letters_{source}` names it; none: all.",
            ),
            "discard": Param(
                default=False,
                type="boolean",
                title="Discard",
                description="Take the group off the list without reading anything: for records that name no root, "
                "once a backfill has read every row.",
            ),
        },
    ) as dag:
        PythonOperator(task_id="replay", python_callable=dead_letters.replay, op_kwargs={"source": source})
    return dag
