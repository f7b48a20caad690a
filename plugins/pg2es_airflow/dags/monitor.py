"""Monitor: looks at servers, sources and pipelines each minute (platform.yaml: `monitor.every_s`).

Each thing that is wrong fails a task that is named after it, such as `sink_stalled orders`, with a sentence that says
what to do; limits are in the files (`monitor:`). A marker that is written into PostgreSQL has to become searchable in
time, so a stream that stands still while everything says that it runs is found within two minutes. Those whom
`platform.yaml` names (`monitor.notify`) are notified when a thing begins to be wrong, and when it is over.
"""

from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from pg2es.core.config import Project
from pg2es_airflow import monitor
from pg2es_airflow.assets import SOMETIMES
from pg2es_airflow.retries import DEFAULT_ARGS


def make_dags(project: Project) -> list[DAG]:
    """Return the one DAG."""
    settings = project.platform.monitor
    with DAG(
        dag_id="monitor",
        description="Look at everything, by default each minute; fail for what is wrong.",
        doc_md=__doc__,
        schedule=timedelta(seconds=settings.every_s) if settings.every_s else None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["pg2es", "monitor"],
    ) as dag:
        seen = PythonOperator(task_id="look", python_callable=monitor.look, outlets=[SOMETIMES])
        PythonOperator.partial(
            task_id="breach",
            python_callable=monitor.breach,
            map_index_template="{{ task.op_kwargs['kind'] }} {{ task.op_kwargs['about'] }}",
        ).expand(op_kwargs=seen.output)
        if settings.notify:
            PythonOperator(
                task_id="notify",
                python_callable=monitor.notify,
                op_kwargs={"breaches": seen.output, "connections": list(settings.notify)},
            )
    return [dag]
