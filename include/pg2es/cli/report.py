"""`pg2es report`: what the batch jobs found and did."""

import orjson
from rich.table import Table
from rich.text import Text

from pg2es.cli.console import out
from pg2es.core.config import Project
from pg2es.services.clients import Clients
from pg2es.services.reports import read_reports


def report(project: Project, *, pipeline: str | None, kind: str | None, limit: int, json: bool) -> None:
    """Print the newest reports, the newest first; as JSON, a line for each with all its details."""
    found = read_reports(Clients(project).elasticsearch, kind=kind, pipeline=pipeline, limit=limit)
    if json:
        for one in found:
            out.out(orjson.dumps(one).decode(), highlight=False)
        return
    if not found:
        out.print(Text("There is no such report."))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "kind", "pipeline", "outcome", "report"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "at")
    for one in found:
        table.add_row(one["at"][:19], *(Text(str(one[key] or "")) for key in ("kind", "pipeline", "outcome", "text")))
    out.print(table)
