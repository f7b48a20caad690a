"""Schema watch: what migrations and changed files mean for each pipeline, and what follows from it.

Changes that the index can take in place are brought in by the backfill; for a change that needs a new generation the
reindex is triggered, or it is only reported (pipeline file: `on_schema_change`). A pipeline that no longer works fails
the task `broken`. Runs every five minutes, and on demand: a migration tool triggers it at its end.
"""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, XComArg, chain

from pg2es.core.config import Project
from pg2es_airflow import schema_watch
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the one DAG."""
    pipelines = sorted(project.pipelines)
    with DAG(
        dag_id="schema_watch",
        description="Plan every pipeline; bring in what can be brought in.",
        doc_md=__doc__,
        schedule=timedelta(minutes=5),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "schema"],
        params={
            "pipelines": Param(
                [],
                type="array",
                items={"type": "string", "enum": pipelines} if pipelines else {"type": "string"},
                title="Pipelines",
                description="Which pipelines to plan; none: all.",
            )
        },
    ) as dag:
        planned = PythonOperator(task_id="plan", python_callable=schema_watch.plan)
        triggered = TriggerDagRunOperator.partial(
            task_id="trigger",
            logical_date=None,
            skip_when_already_exists=True,
            map_index_template="{{ task.trigger_dag_id }}",
        ).expand_kwargs(planned.output)
        broken = PythonOperator(
            task_id="broken",
            python_callable=schema_watch.fail_for_broken,
            op_kwargs={"broken": XComArg(planned, key=schema_watch.BROKEN)},
        )
        chain(planned, [triggered, broken])
    return [dag]
