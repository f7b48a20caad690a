"""Rollback: lets the alias point to the generation that was live before the last swap.

One DAG for each pipeline file. That generation is up to date, because its sink went on; this is verified first, by the
document SQL it was made with. The pipeline's files do not change: put them back, too, or the plan asks for a reindex.
"""

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, chain

from pg2es.core.config import Pipeline, Project
from pg2es_airflow import rollback
from pg2es_airflow.assets import swapped as swapped_asset
from pg2es_airflow.params import keep_old_param
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the rollback DAG of each pipeline."""
    return [make_dag(pipeline) for pipeline in project.pipelines.values()]


def make_dag(pipeline: Pipeline) -> DAG:
    """Return the rollback DAG of a pipeline."""
    with DAG(
        dag_id=f"rollback_{pipeline.name}",
        description=f"Let {pipeline.alias} point to the generation that was live before.",
        doc_md=__doc__,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "rollback", pipeline.source],
        params={"keep_old_for": keep_old_param(pipeline)},
    ) as dag:
        checked = PythonOperator(task_id="check", python_callable=rollback.check, op_kwargs={"pipeline": pipeline.name})
        swapped = PythonOperator(
            task_id="swap",
            python_callable=rollback.swap,
            op_kwargs={"pipeline": pipeline.name, "index": checked.output},
            outlets=[swapped_asset(pipeline.name)],
        )
        chain(checked, swapped)
    return dag
