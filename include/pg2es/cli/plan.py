"""`pg2es plan`: what changed files and tables mean for the index."""

from rich.table import Table
from rich.text import Text

from pg2es.cli.console import out
from pg2es.core.config import Project
from pg2es.core.generations import Plan, Verdict
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.recovery import find_orphans
from pg2es.services.reindex import advise

_STYLES = {Verdict.NOTHING: "green", Verdict.IN_PLACE: "yellow", Verdict.REINDEX: "yellow", Verdict.BROKEN: "red"}


def plan(project: Project, names: list[str]) -> Verdict:
    """Print the plan of each pipeline, by default of all, and return the worst verdict."""
    clients = Clients(project)
    verdicts = []
    for pipeline in [project.pipeline(name) for name in names or project.pipelines]:
        found = preflight.plan(clients, pipeline)
        _show(found)
        out.print(Text(advise(clients, pipeline, found)))
        if orphans := find_orphans(clients, pipeline).names:
            out.print(
                Text(
                    f"Left by a run that was killed, if no reindex runs now: {', '.join(orphans)}. "
                    f"The DAG connectors removes them (action remove_orphans)."
                )
            )
        verdicts.append(found.verdict)
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.NOTHING)


def _show(found: Plan) -> None:
    out.print(
        Text.assemble(
            (found.pipeline, "bold"), f" ({found.index or 'no index'}): ", (found.verdict, _STYLES[found.verdict])
        )
    )
    if not found.differences:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "index", "files and database", "verdict", "why"):
        table.add_column(heading, overflow="fold")
    for difference in found.differences:
        table.add_row(
            Text(difference.path),
            Text(difference.before or ""),
            Text(difference.after or ""),
            Text(difference.verdict.value, _STYLES[difference.verdict]),
            Text(difference.reason),
        )
    out.print(table)
