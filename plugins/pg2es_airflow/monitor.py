"""Tasks of the monitor DAG."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pg2es_airflow.memory import keep, recall
from pg2es_airflow.project import clients, project

if TYPE_CHECKING:
    from pg2es.core.breaches import Breach
    from pg2es_airflow.notifications import Tone

log = logging.getLogger(__name__)

COUNTERS = "monitor_counters"
TOLD = "monitor_told"


def look() -> list[dict[str, str]]:
    """Look at everything, emit it as metrics of Airflow, keep it for the console, and return the breaches.

    The counters are kept for the next run, whose rates begin there.
    """
    from dataclasses import asdict

    from pg2es.core.judgement import judge
    from pg2es.core.metrics import measure
    from pg2es.core.status import Counters
    from pg2es.services.history import write_sample
    from pg2es.services.monitor import look
    from pg2es_airflow.metrics import emit

    kept = recall(COUNTERS)
    servers = clients()
    seen = look(servers, Counters.from_json(kept) if kept else None)
    if seen.counters:
        keep(COUNTERS, asdict(seen.counters))
    log.info("%s", seen)
    breaches = judge(servers.project, seen)
    emit(measure(servers.project, seen, breaches))
    write_sample(servers, seen, breaches)
    return [found.to_json() for found in breaches]


def breach(kind: str, about: str, sentence: str) -> None:
    """Fail with the sentence that says what is wrong and what to do."""
    from pg2es.core.errors import LimitBreached

    raise LimitBreached(f"{kind} {about}: {sentence}")


def notify(breaches: list[dict[str, str]], connections: Sequence[str]) -> None:
    """Tell each connection what is wrong and what is over that it was not told yet.

    What each was told is kept for the next run, which tells those again that could not be told now: then
    NotificationFailed is raised.
    """
    from pg2es.core.breaches import Breach
    from pg2es.core.errors import NotificationFailed
    from pg2es.core.news import find_news

    kept = recall(TOLD, {})
    told = {connection: kept.get(connection, []) for connection in connections}
    now = [Breach.from_json(found) for found in breaches]
    problems = []
    for connection in connections:
        news = find_news(project(), map(Breach.from_json, told[connection]), now)
        try:
            _tell(connection, "", news.begun, "failure")
            _tell(connection, "over: ", news.over, "success")
        except NotificationFailed as error:
            problems.append(str(error))
        else:
            told[connection] = [breach.to_json() for breach in news.open]
    if told != kept:
        keep(TOLD, told)
    if problems:
        raise NotificationFailed(" ".join(problems))


def _tell(connection: str, what: str, breaches: "Sequence[Breach]", tone: "Tone") -> None:
    from pg2es_airflow.notifications import send

    if breaches:
        names = ", ".join(breach.name for breach in breaches)
        send(connection, f"pg2es: {what}{names}", "\n".join(map(str, breaches)), tone)
