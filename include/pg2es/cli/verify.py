"""`pg2es verify`: every document against its row, byte for byte."""

from rich.table import Table
from rich.text import Text

from pg2es.cli.console import err, out
from pg2es.core.config import Project
from pg2es.core.drift import Comparison, Drift
from pg2es.services.clients import Clients
from pg2es.services.drift import compare
from pg2es.services.generations import require_live_generation

_MEANINGS = {
    Drift.MISSING: "PostgreSQL has a document, Elasticsearch has none",
    Drift.STALE: "Elasticsearch has an older state of the row",
    Drift.EXTRA: "Elasticsearch has a document, PostgreSQL has none",
    Drift.ALTERED: "somebody else than pg2es changed the document",
}


def verify(project: Project, name: str, shown_ids: int) -> bool:
    """Compare the live generation of a pipeline with PostgreSQL, and return whether every document equals its row."""
    pipeline = project.pipeline(name)
    clients = Clients(project)
    generation = require_live_generation(clients.elasticsearch, pipeline)
    with err.status(f"Comparing {generation.index} with PostgreSQL …"):
        comparison = compare(clients, pipeline, generation)
    show(comparison, shown_ids)
    return comparison.clean


def show(comparison: Comparison, shown_ids: int) -> None:
    """Print the counts, and up to `shown_ids` ids of each kind of drift."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("equal", f"{comparison.equal:,}", "")
    for kind, count in comparison.counts.items():
        table.add_row(kind.value, f"{count:,}", _MEANINGS[kind])
    if comparison.unreadable:
        table.add_row("unreadable", f"{len(comparison.unreadable):,}", "PostgreSQL cannot make the document")
    table.add_row("in flight", f"{comparison.in_flight:,}", "changed while it was compared")
    out.print(Text(f"{comparison.pipeline}: {comparison.index}", style="bold"))
    out.print(table)
    for kind, ids in comparison.samples.items():
        for identifier in ids[:shown_ids]:
            out.print(Text(f"{kind.value}: {identifier}"))
        if ids[:shown_ids] and comparison.counts[kind] > shown_ids:
            out.print(Text(f"{kind.value}: and {comparison.counts[kind] - shown_ids:,} more"))
    out.print(Text(_verdict(comparison)))


def _verdict(comparison: Comparison) -> str:
    if comparison.drifted:
        return f"{comparison.drifted:,} documents differ from their rows."
    if comparison.unreadable:
        return f"{comparison.describe_unreadable()} Every other document equals its row."
    if comparison.in_flight:
        return f"{comparison.in_flight:,} documents kept changing; run it again when there is less traffic."
    return "Every document equals its row."
