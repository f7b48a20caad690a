"""Recover: a source whose slot was lost, or whose standby was promoted, streams again, and its indices become right.

One DAG for each source file. New slot, positions and start fences; then each live generation is compared, and what
differs is refreshed. Where too much differs a backfill and a reconciliation with repair follow, both waited for.
A promoted standby keeps its slot, if it has it; its indices are compared once more when nothing is on its way any more
that was read from the old primary.
Generations that were kept for a rollback are removed: they miss changes. Safe to run again after it failed anywhere,
and at any time: it costs a comparison of every pipeline of the source.
"""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, TriggerRule, XComArg, chain

from pg2es.core.config import Project
from pg2es_airflow import recover
from pg2es_airflow.retries import DEFAULT_ARGS

RECONCILE = {"deep": "none", "repair": True, "max_repair_fraction": 1}


def make_dags(project: Project) -> list[DAG]:
    """Return the recovery DAG of each source."""
    return [make_dag(source) for source in project.sources]


def make_dag(source: str) -> DAG:
    """Return the recovery DAG of a source."""
    name = {"source": source}
    with DAG(
        dag_id=f"recover_{source}",
        description=f"Let the stream of {source} begin anew and bring what it has missed.",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "connectors", source],
    ) as dag:
        stopped = PythonOperator(task_id="stop_streams", python_callable=recover.stop_streams, op_kwargs=name)
        slot = PythonOperator(
            task_id="renew_slot", python_callable=recover.renew_slot, op_kwargs={**name, "adopted": stopped.output}
        )
        begun = PythonOperator(
            task_id="renew_positions", python_callable=recover.renew_positions, op_kwargs={**name, "kept": slot.output}
        )
        started = PythonOperator(task_id="start_streams", python_callable=recover.start_streams, op_kwargs=name)
        compared = PythonOperator.partial(
            task_id="compare",
            python_callable=recover.compare,
            map_index_template="{{ task.op_kwargs['pipeline'] }}",
        ).expand(op_kwargs=started.output)
        filled = run_each("backfill", compared.output, {})
        reconciled = run_each("reconcile", compared.output, RECONCILE)
        settled = recover.SettleOperator(
            task_id="settle", adopted=stopped.output, compared=compared.output, trigger_rule=TriggerRule.NONE_FAILED
        )
        again = PythonOperator.partial(
            task_id="compare_again",
            python_callable=recover.compare_again,
            map_index_template="{{ task.op_kwargs['pipeline'] }}",
        ).expand(op_kwargs=settled.output)
        finished = PythonOperator(
            task_id="finish",
            python_callable=recover.finish,
            op_kwargs={**name, "compared": compared.output},
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        chain(stopped, slot, begun, started, compared, *filled, *reconciled, settled, again, finished)
    return dag


def run_each(job: str, compared: XComArg, conf: dict[str, object]) -> tuple[PythonOperator, XComArg]:
    """Declare the tasks that run a job of each pipeline that needs it and wait: the first plans, the second does."""
    planned = PythonOperator(
        task_id=f"plan_{job}",
        python_callable=recover.plan_runs,
        op_kwargs={"job": job, "compared": compared, "conf": conf},
        trigger_rule=TriggerRule.NONE_FAILED,  # what there is nothing to do of is skipped
    )
    done = TriggerDagRunOperator.partial(
        task_id=job,
        logical_date=None,
        wait_for_completion=True,
        deferrable=True,
        poke_interval=5,
        reset_dag_run=True,  # a run that failed is run again with this one
        fail_when_dag_is_paused=True,  # it would wait for ever
        map_index_template="{{ task.trigger_dag_id }}",
    ).expand_kwargs(planned.output)
    return planned, done.output
