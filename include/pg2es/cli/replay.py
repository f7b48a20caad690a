"""`pg2es replay`: the dead letters of a source, and their replay."""

from rich.table import Table
from rich.text import Text

from pg2es.cli.console import err, out
from pg2es.core.dead_letters import Group
from pg2es.core.project import Project
from pg2es.services import replay as service
from pg2es.services.clients import Clients


def replay(project: Project, source: str, group: str | None) -> bool:
    """Replay the letters of a group, None: all, and return whether some of them stay."""
    with err.status(f"Replaying the dead letters of {source} …"):
        found = service.replay(Clients(project), project.source(source), group)
    out.print(Text(str(found)))
    for sample in found.samples:
        out.print(Text(sample))
    return found.left > 0


def list_groups(project: Project, source: str) -> bool:
    """Print the groups of open letters, and return whether there are any."""
    groups = service.list_groups(Clients(project), project.source(source))
    show(groups)
    return bool(groups)


def discard_group(project: Project, source: str, group: str) -> bool:
    """Discard a group and return whether other letters are open."""
    clients, model = Clients(project), project.source(source)
    count = service.discard(clients, model, group)
    out.print(Text(f"Discarded {count:,} dead letters of {group}."))
    return bool(service.list_groups(clients, model))


def show(groups: list[Group]) -> None:
    """Print a row for each group."""
    if not groups:
        out.print(Text("There are no dead letters."))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("group", "pipeline", "count", "first", "last", "sample"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "count" else "left")
    for group in groups:
        table.add_row(
            Text(group.name),
            Text(group.pipeline or "none"),
            Text(f"{group.count:,}"),
            Text(f"{group.first:%Y-%m-%d %H:%M:%S}"),
            Text(f"{group.last:%Y-%m-%d %H:%M:%S}"),
            Text(f"{group.subject}: {group.reason}"),
        )
    out.print(table)
