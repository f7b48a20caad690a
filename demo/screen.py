"""What the demo shows in the terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.airflow import Airflow
from demo.results import Results
from pg2es.core.drift import Comparison


class Screen:
    """Lines for what is done, and movement for what is going on."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that something is going on, and how long it took."""
        started = time.monotonic()
        with self.console.status(title):
            yield
        self.done(title, time.monotonic() - started)

    def done(self, title: str, seconds: float) -> None:
        """Show that something is done."""
        self.console.print(f"[green]✓[/] {title} [dim]({seconds:.1f} s)[/]")

    def bars(self) -> Progress:
        """Return bars over the tasks of Airflow runs."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("tasks"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}[/]"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def show_results(self, results: Results) -> None:
        """Show the figures, and whether both sides are equal."""
        table = Table(box=None, header_style="bold", padding=(0, 2))
        for header in ("pipeline", "documents", "backfilled", "in", "docs/s", "compared"):
            table.add_column(header, justify="left" if header in ("pipeline", "compared") else "right")
        for result in results.pipelines:
            table.add_row(
                result.name,
                f"{result.comparison.equal + result.comparison.drifted:,}",
                f"{result.rows:,}",
                f"{result.seconds:.1f} s",
                f"{result.docs_per_s:,}",
                _verdict(result.comparison),
            )
        stream = results.stream
        self.console.print()
        self.console.print(table)
        self.console.print(
            f"\n  traffic meanwhile  {stream.changed_rows:,} rows changed, {stream.changes_per_s:.0f} per second"
            f"\n  stream lag         {stream.records_behind:,} records, with the traffic going on"
            f"\n  commit to search   {stream.latency_s:.2f} s (median)"
        )
        for result in results.pipelines:
            self._show_drift(result.comparison)
        if results.verified:
            self.console.print("\n  [bold green]verified: every document equals its row[/]")
        else:
            self.console.print("\n  [bold red]not verified: documents differ from their rows[/]")

    def show_airflow(self, airflow: Airflow) -> None:
        """Show where to look on."""
        self.console.print(
            f"\n  Airflow: {airflow.url}  user {airflow.user}  password {airflow.password}\n"
            f"  The stack stays up, streaming. `make down` stops it, `make clean` removes its data.\n",
            markup=False,
            soft_wrap=True,
        )

    def _show_drift(self, comparison: Comparison) -> None:
        for kind, ids in comparison.samples.items():
            if ids:
                count = comparison.counts[kind]
                self.console.print(f"  {comparison.index}: {count:,} {kind}: {', '.join(ids[:10])}", markup=False)
        if comparison.in_flight:
            self.console.print(f"  {comparison.index}: {comparison.in_flight:,} still changed while they were compared")


def _verdict(comparison: Comparison) -> str:
    return "[green]equal[/]" if comparison.clean else f"[red]{comparison.drifted + comparison.in_flight:,} differ[/]"
