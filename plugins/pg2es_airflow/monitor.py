"""Tasks of the monitor DAG."""

import logging

from airflow.sdk import get_current_context

from pg2es_airflow.project import clients

log = logging.getLogger(__name__)

COUNTERS = "counters"


def look() -> list[dict[str, str]]:
    """Look at everything and return the breaches. The counters are pushed for the next run, whose rates begin there."""
    from dataclasses import asdict

    from pg2es.core.judgement import judge
    from pg2es.core.status import Counters
    from pg2es.services.history import write_sample
    from pg2es.services.monitor import look

    task = get_current_context()["ti"]
    kept = task.xcom_pull(task_ids=task.task_id, key=COUNTERS, map_indexes=-1, include_prior_dates=True)
    servers = clients()
    seen = look(servers, Counters.from_json(kept) if kept else None)
    if seen.counters:
        task.xcom_push(key=COUNTERS, value=asdict(seen.counters))
    log.info("%s", seen)
    breaches = judge(servers.project, seen)
    write_sample(servers, seen, breaches)
    return [found.to_json() for found in breaches]


def breach(kind: str, about: str, sentence: str) -> None:
    """Fail with the sentence that says what is wrong and what to do."""
    from pg2es.core.errors import LimitBreached

    raise LimitBreached(f"{kind} {about}: {sentence}")
