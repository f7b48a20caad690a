"""Connectors: keeps the Debezium source and the sinks of each source as the files say, and steers them.

Every two minutes (platform.yaml: `connect.mend_every_min`) it mends: makes what is missing, changes what differs,
restarts what has failed, with growing pauses. What somebody paused or stopped stays so. When a standby was promoted it
triggers the DAG recover_<source>, which adopts it (source file: `on_failover`). On demand it does what the
Param `action` says, for one source, one pipeline, or all.
"""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, TriggerRule, chain

from pg2es.core.config import Project
from pg2es_airflow import connectors
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the one DAG."""
    every_min = project.platform.connect.mend_every_min
    with DAG(
        dag_id="connectors",
        description="Keep the connectors as the files say; deploy, pause, restart, remove them.",
        doc_md=__doc__,
        schedule=timedelta(minutes=every_min) if every_min else None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "connectors"],
        params={
            "action": Param(
                connectors.Action.MEND.value,
                type="string",
                enum=[action.value for action in connectors.Action],
                title="Action",
                description="`mend`: as the schedule does. `deploy`: the same, and start what does not run. `pause`, "
                "`stop`, `resume`, `restart`. `reset`: new slot and positions; backfills have to follow. `remove`: "
                "connectors, slot and publication; indices stay. `remove_orphans`: what killed runs and removed files "
                "left.",
            ),
            "source": _optional(sorted(project.sources), "Source", "A source file; none: all."),
            "pipeline": _optional(sorted(project.pipelines), "Pipeline", "A pipeline, for its sinks alone."),
        },
    ) as dag:
        chosen = PythonOperator(task_id="choose", python_callable=connectors.choose)
        acted = PythonOperator.partial(
            task_id="act", python_callable=connectors.act, map_index_template="{{ task.op_kwargs['source'] }}"
        ).expand(op_kwargs=chosen.output)
        noted = PythonOperator(task_id="note", python_callable=connectors.note, op_kwargs={"done": acted.output})
        # A source that cannot be mended keeps no other one from its recovery.
        planned = PythonOperator(
            task_id="plan_recoveries",
            python_callable=connectors.plan_recoveries,
            op_kwargs={"done": acted.output},
            trigger_rule=TriggerRule.ALL_DONE,
        )
        recovered = TriggerDagRunOperator.partial(
            task_id="recover",
            logical_date=None,
            skip_when_already_exists=True,
            fail_when_dag_is_paused=True,  # it would wait for ever
            retries=0,  # the next run comes soon, and this one would hold up the mending of everything
            map_index_template="{{ task.trigger_dag_id }}",
        ).expand_kwargs(planned.output)
        chain(acted, noted)
        chain(acted, planned, recovered)
    return [dag]


def _optional(names: list[str], title: str, description: str) -> Param:
    """Return a Param that names one of these, or none."""
    return Param(None, type=["null", "string"], enum=[None, *names], title=title, description=description)
