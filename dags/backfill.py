"""Backfill: reads every row of a pipeline's root table into its index, while the stream goes on.

One DAG for each pipeline file. Safe to run at any time and as often as wanted; a failed chunk can be cleared alone.
"""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param, chain

from pg2es.core.pipeline import Pipeline
from pg2es_airflow import backfill
from pg2es_airflow.project import project
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dag(pipeline: Pipeline) -> DAG:
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
        params={
            "chunks": Param(
                pipeline.backfill.chunks,
                type=["null", "integer"],
                minimum=1,
                maximum=1000,
                title="Chunks",
                description="Into how many parts the table is divided. Empty: one for each 128 MiB.",
            ),
            "parallelism": Param(
                pipeline.backfill.parallelism,
                type="integer",
                minimum=1,
                maximum=backfill.MAX_PARALLELISM,
                title="Parallelism",
                description=f"How many chunks are copied at the same time (the pool {backfill.POOL} bounds it too).",
            ),
        },
    ) as dag:
        prepared = PythonOperator(
            task_id="prepare", python_callable=backfill.prepare, op_kwargs={"pipeline": pipeline.name}
        )
        planned = PythonOperator(
            task_id="plan_chunks", python_callable=backfill.plan_chunks, op_kwargs={"pipeline": pipeline.name}
        )
        copied = PythonOperator.partial(
            task_id="copy_chunk",
            python_callable=backfill.copy_chunk,
            pool=backfill.POOL,
            max_active_tis_per_dagrun=backfill.MAX_PARALLELISM,
            map_index_template="{{ task.op_kwargs['chunk']['index'] }}",
        ).expand(op_kwargs=planned.output)
        finished = PythonOperator(
            task_id="finish",
            python_callable=backfill.finish,
            op_kwargs={
                "pipeline": pipeline.name,
                "prepared": prepared.output,
                "planned": planned.output,
                "results": copied.output,
            },
        )
        chain(prepared, planned, copied, finished)
    return dag


for _pipeline in project().pipelines.values():
    globals()[f"backfill_{_pipeline.name}"] = make_dag(_pipeline)
