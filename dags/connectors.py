"""Connectors: brings the Debezium source and the sinks of a source to what the files say, or removes them."""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param

from pg2es_airflow.connectors import Action, run_action
from pg2es_airflow.project import project
from pg2es_airflow.retries import DEFAULT_ARGS

_sources = sorted(project().sources)

with DAG(
    dag_id="connectors",
    description="Deploy or remove the connectors of a source.",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["pg2es", "connectors"],
    params={
        "source": Param(
            _sources[0] if _sources else None,
            type="string",
            enum=_sources,
            title="Source",
            description="A source file.",
        ),
        "action": Param(
            Action.DEPLOY.value,
            type="string",
            enum=[action.value for action in Action],
            title="Action",
            description="`deploy`: create what is missing, change what differs, start what does not run. "
            "`remove`: connectors, slot and publication; indices stay. "
            "`remove_orphans`: generations that never went live, and other remains of runs that were killed.",
        ),
    },
) as dag:
    PythonOperator(
        task_id="run_action",
        python_callable=run_action,
        op_kwargs={"source": "{{ params.source }}", "action": "{{ params.action }}"},
    )
