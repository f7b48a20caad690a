"""Backfill: reads every row of a pipeline's root table into its index, while the stream goes on.

One DAG for each pipeline file. Safe to run at any time and as often as wanted; a failed chunk can be cleared alone.
What the files have changed that the index can take in place, it takes along; for the rest there is the reindex.
"""

from collections.abc import Mapping

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param, XComArg, chain

from pg2es.core.config import Pipeline, Project
from pg2es_airflow import backfill
from pg2es_airflow.assets import backfilled
from pg2es_airflow.chunks import StartOverOperator, chunk_params, copy_in_chunks
from pg2es_airflow.params import add_params
from pg2es_airflow.patience import CaughtUpOperator, PatientOperator
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the backfill DAG of each pipeline."""
    return [make_dag(pipeline, project.platform.airflow.pool) for pipeline in project.pipelines.values()]


def make_dag(pipeline: Pipeline, pool: str) -> DAG:
    """Return the backfill DAG of a pipeline."""
    with DAG(
        dag_id=f"backfill_{pipeline.name}",
        description=f"Read every row of {pipeline.table} into {pipeline.alias}.",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "backfill", pipeline.source],
    ) as dag:
        prepared, planned, copied, finished = fill(pipeline, pool)
        start_over = StartOverOperator(
            task_id="start_over", pipeline=pipeline.name, prepared=prepared.output, planned=planned.output
        )
        # A run whose last task is `start_over`, skipped or not, would count as successful whatever failed before.
        done = EmptyOperator(task_id="done")
        chain([planned, copied, finished], start_over)
        chain(finished, done)
    add_params(dag, chunk_params(pipeline, pool))
    return dag


def fill(
    pipeline: Pipeline, pool: str, params: Mapping[str, Param] | None = None
) -> tuple[PythonOperator, PythonOperator, XComArg, PythonOperator]:
    """Declare the tasks that copy everything: `prepare`, `plan_chunks`, `copy_chunk`, which is its results, `finish`.

    `params`: how the table is divided, where the DAG has no Params for that.
    """
    name = {"pipeline": pipeline.name}
    prepared = PatientOperator(task_id="prepare", python_callable=backfill.prepare, op_kwargs=name)
    planned, copied = copy_in_chunks(pipeline, prepared.output, pool, params)
    finished = CaughtUpOperator(
        task_id="finish",
        python_callable=backfill.finish,
        op_kwargs={**name, "prepared": prepared.output, "planned": planned.output, "results": copied},
        outlets=[backfilled(pipeline.name)],
    )
    return prepared, planned, copied, finished
