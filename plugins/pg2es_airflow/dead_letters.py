"""Tasks of the DAGs about dead letters."""

from airflow.sdk import get_current_context

from pg2es_airflow.notes import write_run_note
from pg2es_airflow.project import clients


def show(source: str) -> int:
    """Report the groups of open dead letters, and return how many letters there are."""
    from pg2es.services.replay import list_groups
    from pg2es.services.reports import write_report

    servers = clients()
    groups = list_groups(servers, servers.project.source(source))
    count = sum(group.count for group in groups)
    text = "\n".join([f"{count:,} dead letters of {source} in {len(groups)} groups", *map(str, groups)])
    if groups:
        write_report(servers.elasticsearch, "dead_letters", source, text, {"groups": [g.to_json() for g in groups]})
    write_run_note(text)
    return count


def replay(source: str) -> None:
    """Replay or discard a group, or replay all, and report; DocumentsRejected when letters stay."""
    from pg2es.core.errors import DocumentsRejected, PermanentError
    from pg2es.services import replay as service
    from pg2es.services.reports import write_report

    servers = clients()
    model = servers.project.source(source)
    params = get_current_context()["params"]
    if params["discard"]:
        if not params["group"]:
            raise PermanentError("Param discard takes a group: nothing is discarded that nobody named.")
        count = service.discard(servers, model, params["group"])
        text = f"Discarded {count:,} dead letters of {params['group']}."
        write_report(servers.elasticsearch, "replay", source, text, {"group": params["group"], "discarded": count})
        write_run_note(text)
        return
    found = service.replay(servers, model, params["group"])
    text = "\n".join([str(found), *found.samples])
    write_report(servers.elasticsearch, "replay", source, text, found.to_json())
    write_run_note(text)
    if found.left:
        raise DocumentsRejected(f"{found.left:,} dead letters of {source} stay. First: {found.samples[0]}")
