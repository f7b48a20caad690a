"""`pg2es validate`: the files, and with --connect the servers."""

from rich.text import Text

from pg2es.cli.console import out
from pg2es.core.config import Pipeline, Project
from pg2es.core.preflight import Finding, Severity, count_errors
from pg2es.services import preflight
from pg2es.services.clients import Clients

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def validate(project: Project, names: list[str], *, connect: bool) -> bool:
    """Check pipelines (none named: all) and return whether there is no error.

    What files are wrong is known, and was said, since `project` was loaded from them.
    """
    pipelines = _select(project, names)
    in_order = bool(names) or not project.aside
    if not connect:
        others = "" if in_order else f"; {len(project.aside)} set aside"
        out.print(
            f"{_count(len(pipelines), 'pipeline')}: the files are in order{others}. --connect asks the servers, too."
        )
        return in_order
    findings = []
    for finding in preflight.run(Clients(project), pipelines):
        findings.append(finding)
        show(finding)
    errors = count_errors(findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    out.print(f"{_count(len(pipelines), 'pipeline')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}.")
    return in_order and errors == 0


def _select(project: Project, names: list[str]) -> list[Pipeline]:
    return [project.pipeline(name) for name in names or sorted(project.pipelines)]


def show(finding: Finding) -> None:
    """Print a finding, and below it what mends it."""
    label = (f"{finding.severity.value:<8}", _STYLES[finding.severity])
    out.print(Text.assemble(label, (finding.where, "bold"), f"  {finding.sentence}"))
    if finding.mend:
        out.print(Text.assemble(" " * 8, (finding.mend, "green")))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
