"""The report: tables and plots of docs/performance.md, made from the results. Its text is written by hand."""

import os
import platform
import re
from fnmatch import fnmatchcase
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from bench.latency import RATES
from bench.results import Result, load
from bench.scaling import INSTALLATIONS, predict, read_costs
from stack import artifacts
from stack.config import CHECKOUT

DOCS = CHECKOUT / "docs"
REPORTS = (DOCS / "performance.md", DOCS / "scaling.md")
IMAGES = DOCS / "images"

_BLOCK = re.compile(r"(<!-- (results|machine|growth):? ?([^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_report() -> None:
    """Write the results into the report's tables, and the plots."""
    results = load()

    def fill(block: re.Match[str]) -> str:
        head, kind, names, end = block.groups()
        text = {
            "results": lambda: _table(results, names.split()),
            "growth": lambda: _growth(results, names),
            "machine": _machine,
        }[kind]()
        return f"{head}\n{text}\n{end}"

    for report in REPORTS:
        report.write_text(_BLOCK.sub(fill, report.read_text()))
    mpl.rcParams["svg.hashsalt"] = "pg2es"  # the same plot is the same file
    _plot_latency(results)
    _plot_rates(results)


def _table(results: dict[str, Result], patterns: list[str]) -> str:
    """Return the rows whose names match, in the order of the patterns."""
    names = [name for pattern in patterns for name in results if fnmatchcase(name, pattern)]
    lines = ["| | measured | target |", "|---|---|---|"]
    for name in dict.fromkeys(names):
        result = results[name]
        wanted = "" if result.target is None else f"{'≥' if result.better == 'higher' else '≤'} {result.target:,}"
        unit = "" if result.unit == "ratio" else f" {result.unit}"
        lines.append(f"| `{name}` | {result.value:,}{unit} | {wanted} |")
    return "\n".join(lines) + "\n"


_MEASURED = {"backfill_flat": "backfill_flat_docs_per_s", "stream": "stream_changes_per_s"}
_MOST = {"stream": {"the source's one task": "stream_captured_alone_per_s"}}


def _growth(results: dict[str, Result], job: str) -> str:
    """Return what the model says of some installations, the first beside what was measured there."""
    costs = read_costs(results, job)
    most = {limit: results[name].value for limit, name in _MOST.get(job, {}).items()}
    lines = ["| | rows/s | limit | 100 million | 10 billion |", "|---|---|---|---|---|"]
    for number, installation in enumerate(INSTALLATIONS[job]):
        found = predict(costs, installation, most)
        measured = "" if number else f" (measured: {results[_MEASURED[job]].value:,})"
        hours = " | ".join(f"{found.hours(rows):,.1f} h" for rows in (10**8, 10**10))
        lines.append(f"| {installation.name} | {found.rows_per_s:,.0f}{measured} | {found.limit} | {hours} |")
    return "\n".join(lines) + "\n"


def _machine() -> str:
    """Return what it was measured on."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (
        f"{os.cpu_count()} cores ({processor[1] if processor else platform.machine()}), {memory} GiB, Python "
        f"{platform.python_version()}; the servers of `stack/` with their settings: {_versions()}.\n"
    )


def _versions() -> str:
    jars = {
        "Kafka": "kafka-clients-*.jar",
        "Elasticsearch": "elasticsearch-[0-9]*.jar",
        "Debezium": "debezium-core-*.jar",
    }
    found = {name: next(artifacts.TARGET.rglob(pattern), None) for name, pattern in jars.items()}
    return ", ".join(f"{name} {re.sub(r'^[a-z-]*-', '', jar.stem)}" for name, jar in found.items() if jar)


def _plot_latency(results: dict[str, Result]) -> None:
    """Percentiles of the time from a commit, by rate."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
    kinds = {
        "acknowledged": "commit_to_acknowledged_{}",
        "searchable, refresh 200 ms": "commit_to_searchable_{}_refresh_200ms",
        "searchable, refresh 1 s": "commit_to_searchable_{}_refresh_1s",
    }
    for axis, (title, name) in zip(axes, kinds.items(), strict=True):
        for percentile in (50, 99):
            values = [results[f"{name.format(rate)}_p{percentile}_ms"].value for rate in RATES]
            axis.plot([str(rate) for rate in RATES], values, marker="o", label=f"p{percentile}")
        axis.set(title=title, xlabel="changes/s", yscale="log")
    axes[0].set_ylabel("ms")
    axes[0].legend()
    _save(figure, "performance-latency.svg")


def _plot_rates(results: dict[str, Result]) -> None:
    """Ours between the peer and the ceiling."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 2.5), layout="constrained")
    bars = {
        "backfill, docs/s": {
            "PGSync": "pgsync_backfill_docs_per_s",
            "pg2es": "backfill_flat_docs_per_s",
            "bulk ceiling": "backfill_flat_ceiling_docs_per_s",
        },
        "stream, changes/s": {
            "PGSync": "pgsync_stream_changes_per_s",
            "pg2es": "stream_changes_per_s",
            "captured alone": "stream_captured_alone_per_s",
            "written alone": "stream_written_alone_per_s",
        },
    }
    for axis, (title, names) in zip(axes, bars.items(), strict=True):
        axis.barh(list(names), [results[name].value for name in names.values()])
        axis.set_title(title)
    _save(figure, "performance-rates.svg")


def _save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / name, metadata={"Date": None})
    plt.close(figure)
