"""Reconcile: proves that every document equals its row, and repairs those that do not.

One DAG for each pipeline file, by its schedule, after each swap of its alias, and on demand. What differs is judged
behind a barrier, so traffic is no drift. A run fails when something still differs at its end; its note says why.
"""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, DeltaTriggerTimetable, Param, chain

from pg2es.core.config import Pipeline, Project
from pg2es.core.drift import Deep
from pg2es_airflow import reconcile
from pg2es_airflow.assets import SOMETIMES, reconciled, swapped
from pg2es_airflow.patience import CaughtUpOperator
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the reconcile DAG of each pipeline."""
    return [make_dag(pipeline) for pipeline in project.pipelines.values()]


def make_dag(pipeline: Pipeline) -> DAG:
    """Return the reconcile DAG of a pipeline."""
    settings = pipeline.reconcile
    after_swap = [swapped(pipeline.name)]
    every = DeltaTriggerTimetable(timedelta(hours=settings.every_h)) if settings.every_h else None
    with DAG(
        dag_id=f"reconcile_{pipeline.name}",
        description=f"Compare {pipeline.alias} with {pipeline.table} and repair what differs.",
        doc_md=__doc__,
        schedule=AssetOrTimeSchedule(timetable=every, assets=after_swap) if every else after_swap,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "reconcile", pipeline.source],
        params={
            "deep": Param(
                Deep.PART.value,
                type="string",
                enum=[deep.value for deep in Deep],
                title="Deep",
                description="Stored documents that are read whole, to find what somebody else changed: `none`, the "
                f"`part` that is due (one of {settings.deep_runs}), or `all`.",
            ),
            "repair": Param(
                settings.repair,
                type="boolean",
                title="Repair",
                description="Read the rows of documents that differ again.",
            ),
            "max_repair_fraction": Param(
                settings.max_repair_fraction,
                type="number",
                minimum=0,
                maximum=1,
                title="Maximal repair fraction",
                description="When a larger part of the documents differs, nothing is repaired and the run fails.",
            ),
        },
    ) as dag:
        compared = CaughtUpOperator(
            task_id="reconcile",
            python_callable=reconcile.reconcile,
            op_kwargs={"pipeline": pipeline.name},
            outlets=[reconciled(pipeline.name), SOMETIMES],
        )
        # A task of its own, because only a task that succeeds has asset events.
        checked = PythonOperator(
            task_id="check", python_callable=reconcile.check, op_kwargs={"result": compared.output}
        )
        chain(compared, checked)
    return dag
