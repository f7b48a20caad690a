"""Reindex: a new generation is made beside the live one, verified, and only then searched.

One DAG for each pipeline file. It begins with the plan and ends there when the live generation can stay. While it runs,
the live index serves and streams untouched; afterwards the old one is kept up to date for a while, as the way back.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG, Param, chain

from pg2es.core.config import Pipeline, Project, Verification
from pg2es_airflow import reindex
from pg2es_airflow.assets import swapped as swapped_asset
from pg2es_airflow.chunks import StartOverOperator, chunk_params, copy_in_chunks
from pg2es_airflow.params import add_params, keep_old_param
from pg2es_airflow.patience import CaughtUpOperator, PatientOperator
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the reindex DAG of each pipeline."""
    return [make_dag(pipeline, project.platform.airflow.pool) for pipeline in project.pipelines.values()]


def make_dag(pipeline: Pipeline, pool: str) -> DAG:
    """Return the reindex DAG of a pipeline."""
    name = {"pipeline": pipeline.name}
    with DAG(
        dag_id=f"reindex_{pipeline.name}",
        description=f"Make a new generation of {pipeline.alias}, verify it, and let the alias point to it.",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "reindex", pipeline.source],
    ) as dag:
        planned_change = ShortCircuitOperator(task_id="plan", python_callable=reindex.plan, op_kwargs=name)
        created = PythonOperator(task_id="create_generation", python_callable=reindex.create_generation, op_kwargs=name)
        index = {**name, "index": created.output}
        prepared = PatientOperator(task_id="start_stream", python_callable=reindex.start_stream, op_kwargs=index)
        planned, copied = copy_in_chunks(pipeline, prepared.output, pool)
        built = PythonOperator(
            task_id="finish_build",
            python_callable=reindex.finish_build,
            op_kwargs={**name, "prepared": prepared.output, "planned": planned.output, "results": copied},
        )
        verified = CaughtUpOperator(task_id="verify", python_callable=reindex.verify, op_kwargs=index)
        tried = PythonOperator(task_id="smoke", python_callable=reindex.run_smoke_queries, op_kwargs=index)
        ask = BranchPythonOperator(task_id="ask", python_callable=reindex.choose_approval)
        approved = ApprovalOperator(
            task_id="approve",
            subject=f"Let {pipeline.alias} point to {created.output}?",
            body=f"Verified: {verified.output}\n\nSmoke queries found: {tried.output}",
            response_timeout=timedelta(hours=pipeline.reindex.approval_timeout_h),
            fail_on_reject=True,
        )
        swapped = CaughtUpOperator(
            task_id="swap",
            python_callable=reindex.swap,
            op_kwargs={**index, "compared": verified.output},
            outlets=[swapped_asset(pipeline.name)],
            trigger_rule="none_failed_min_one_success",
        )
        retired = PythonOperator(task_id="retire", python_callable=reindex.retire, op_kwargs=name)
        start_over = StartOverOperator(
            task_id="start_over", pipeline=pipeline.name, prepared=prepared.output, planned=planned.output
        )
        chain(planned_change, created, prepared)
        chain(built, verified, tried, ask, [approved, swapped])
        chain(approved, swapped, retired)
        chain([planned, copied, built, verified, swapped], start_over)
    add_params(dag, _params(pipeline, pool))
    return dag


def _params(pipeline: Pipeline, pool: str) -> dict[str, Param]:
    return {
        "force": Param(
            default=False,
            type="boolean",
            title="Force",
            description="Reindex even if the plan says it is not needed.",
        ),
        "verify": Param(
            pipeline.reindex.verify.value,
            type="string",
            enum=[verification.value for verification in Verification],
            title="Verify",
            description="`digest`: compare sums over all documents, and look into what differs. "
            "`bytes`: compare every document byte for byte.",
        ),
        "approval": Param(
            pipeline.reindex.approval,
            type="boolean",
            title="Approval",
            description="Wait for somebody's approval before the alias is swapped.",
        ),
        "keep_old_for": keep_old_param(pipeline),
        "take_over_index": Param(
            default=False,
            type="boolean",
            title="Take over index",
            description=f"If {pipeline.alias} is an index today: REMOVE it in the moment of the swap.",
        ),
        **chunk_params(pipeline, pool),
    }
