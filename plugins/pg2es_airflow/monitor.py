"""Tasks of the monitor DAG."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from pg2es_airflow.assets import SOMETIMES, breached
from pg2es_airflow.memory import keep, recall
from pg2es_airflow.project import clients, project

if TYPE_CHECKING:
    from pg2es.core.config import Project
    from pg2es.core.monitoring import Breach
    from pg2es_airflow.notifications import Tone

log = logging.getLogger(__name__)

COUNTERS = "monitor_counters"
OPEN = "monitor_open"
REPORTED = "monitor_told"


def look() -> list[dict[str, str]]:
    """Look at everything, emit it as metrics of Airflow, keep it for the console, and return the breaches.

    The counters are kept for the next run, whose rates begin there.
    """
    from dataclasses import asdict

    from pg2es.core.monitoring import Counters, judge, measure
    from pg2es.services.monitoring import look, write_sample
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
    _tell_asset(servers.project, breaches)
    return [found.to_json() for found in breaches]


def breach(kind: str, about: str, sentence: str) -> None:
    """Fail with the sentence that says what is wrong and what to do."""
    from pg2es.core.errors import LimitBreached

    raise LimitBreached(f"{kind} {about}: {sentence}")


def notify(breaches: list[dict[str, str]], connections: Sequence[str]) -> None:
    """Report to each connection what is wrong and what is over, as far as it was not reported there yet.

    What was reported is kept for the next run, which tries those again that could not be reached now: then
    NotificationFailed is raised.
    """
    from pg2es.core.errors import NotificationFailed
    from pg2es.core.monitoring import Breach, find_news

    kept = recall(REPORTED, {})
    reported = {connection: kept.get(connection, []) for connection in connections}
    now = [Breach.from_json(found) for found in breaches]
    problems = []
    for connection in connections:
        news = find_news(project(), map(Breach.from_json, reported[connection]), now)
        try:
            _notify(connection, "", news.begun, "failure")
            _notify(connection, "over: ", news.over, "success")
        except NotificationFailed as error:
            problems.append(str(error))
        else:
            reported[connection] = [breach.to_json() for breach in news.open]
    if reported != kept:
        keep(REPORTED, reported)
    if problems:
        raise NotificationFailed(" ".join(problems))


def _tell_asset(read: "Project", breaches: "Sequence[Breach]") -> None:
    """Let the asset change when something begins to be wrong that was not so at the last look."""
    from pg2es.core.monitoring import Breach, find_news

    open_before = recall(OPEN, [])
    news = find_news(read, map(Breach.from_json, open_before), breaches)
    if news.begun:
        begun: list[Any] = [found.to_json() for found in news.begun]
        get_current_context()["outlet_events"][SOMETIMES].add(breached(), extra={"breaches": begun})
    if (now_open := [found.to_json() for found in news.open]) != open_before:
        keep(OPEN, now_open)


def _notify(connection: str, what: str, breaches: "Sequence[Breach]", tone: "Tone") -> None:
    from pg2es_airflow.notifications import send

    if breaches:
        names = ", ".join(breach.name for breach in breaches)
        send(connection, f"pg2es: {what}{names}", "\n".join(map(str, breaches)), tone)
