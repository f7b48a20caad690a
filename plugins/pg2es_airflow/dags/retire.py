"""Retire: removes the generations that were replaced and kept long enough, each after its sink."""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from pg2es.core.config import Project
from pg2es_airflow import reindex
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the one DAG."""
    with DAG(
        dag_id="retire",
        description="Remove replaced generations whose time is over.",
        doc_md=__doc__,
        schedule=timedelta(hours=1),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "reindex"],
    ) as dag:
        PythonOperator.partial(
            task_id="retire", python_callable=reindex.retire, map_index_template="{{ task.op_kwargs['pipeline'] }}"
        ).expand(op_kwargs=[{"pipeline": name} for name in sorted(project.pipelines)])
    return [dag]
