"""`pg2es reconcile`: compare by digests, repair, report."""

from io import StringIO
from pathlib import Path

from rich.text import Text

from pg2es.adapters.files import write_file
from pg2es.cli.console import err, out
from pg2es.cli.verify import show
from pg2es.core.config import Project
from pg2es.core.drift import Comparison, Deep, Drift, Reconciliation
from pg2es.services.clients import Clients
from pg2es.services.drift import reconcile, write_drift

SHOWN = 10
"""Documents of each kind that are named; the report and the CSV file have the others."""


def run(
    project: Project, name: str, *, deep: Deep, repair: bool | None, max_repair_fraction: float | None, csv: Path | None
) -> bool:
    """Reconcile a pipeline, by default as its file says, and return whether both sides are equal now."""
    pipeline = project.pipeline(name)
    with err.status(f"Comparing {pipeline.alias} with PostgreSQL …"):
        done = reconcile(
            Clients(project),
            pipeline,
            deep=deep,
            repair=repair,
            max_repair_fraction=max_repair_fraction,
        )
    _show(done)
    if csv:
        text = StringIO()
        write_drift(text, done)
        write_file(csv, text.getvalue())
        out.print(Text(f"Wrote {csv}."))
    return done.outcome.is_good


def _show(done: Reconciliation) -> None:
    show(done.found, SHOWN)
    _show_fields(done.found)
    out.print(Text(str(done)))


def _show_fields(found: Comparison) -> None:
    """Print what differs within documents that both sides have."""
    for kind in (Drift.STALE, Drift.ALTERED):
        for identifier in found.ids[kind][:SHOWN]:
            for field in found.fields[identifier]:
                out.print(Text(f"{identifier}: {field.field}: {field.stored or '-'} → {field.expected or '-'}"))
