"""`pg2es replay`: the dead letters of a source, and their replay."""

from rich.text import Text

from pg2es.cli.console import err, out
from pg2es.core.config import Project
from pg2es.core.dead_letters import Group
from pg2es.services import dead_letters as service
from pg2es.services.clients import Clients


def replay(project: Project, source: str, group: str | None) -> bool:
    """Replay the records of a group, None: all, and return whether some of them stay."""
    with err.status(f"Replaying the dead letters of {source} …"):
        found = service.replay(Clients(project), project.source(source), group)
    out.print(Text(found.text))
    return found.left > 0


def list_groups(project: Project, source: str) -> bool:
    """Print the groups of open records, and return whether there are any."""
    groups = service.list_groups(Clients(project), project.source(source))
    show(groups)
    return bool(groups)


def discard_group(project: Project, source: str, group: str) -> bool:
    """Discard a group and return whether other records are open."""
    clients, model = Clients(project), project.source(source)
    count = service.discard(clients, model, group)
    out.print(Text(service.describe_discarded(group, count)))
    return bool(service.list_groups(clients, model))


def show(groups: list[Group]) -> None:
    """Print the groups, each name in a line of its own: it is what --group takes."""
    for group in groups:
        out.print(Text(group.name, style="bold"))
        about = f"pipeline {group.pipeline}" if group.pipeline else "of no pipeline that has a file"
        times = f"{group.first:%Y-%m-%d %H:%M:%S} to {group.last:%Y-%m-%d %H:%M:%S}"
        out.print(Text(f"  {group.count:,}, {about}, {times}{'' if group.names_root else '; they name no root'}"))
        out.print(Text(f"  {group.subject}: {group.reason}", style="dim"))
    if not groups:
        out.print(Text("There are no dead letters."))
