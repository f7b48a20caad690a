"""Tasks of the DAGs about dead letters."""

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import of_source


def show(source: str) -> int:
    """Report the groups of open dead letters, and return how many records there are."""
    from pg2es.services.dead_letters import report_groups

    count, text = report_groups(*of_source(source))
    write_run_note(text)
    return count


def replay(source: str) -> None:
    """Replay or discard a group, or replay all, and report; DocumentsRejected when records stay."""
    from pg2es.core.errors import DocumentsRejected, PermanentError
    from pg2es.services import dead_letters

    servers, model = of_source(source)
    params = get_current_context()["params"]
    if params["discard"]:
        if not params["group"]:
            raise PermanentError("Param discard takes a group: nothing is discarded that nobody named.")
        count = dead_letters.discard(servers, model, params["group"])
        write_run_note(dead_letters.describe_discarded(params["group"], count))
        return
    found = dead_letters.replay(servers, model, params["group"])
    write_run_note(found.text)
    if found.left:
        raise DocumentsRejected(f"{found.left:,} dead letters of {source} stay. First: {found.samples[0]}")
