"""The command `pg2es`.

Exit status: 0 all is well, 1 something was found (an error of `validate --connect`, a difference of `plan`, drift that
`verify` or `certify` finds or `reconcile` leaves, dead letters that `replay` leaves, whatever `status` and `watch` see
to be wrong), 2 the command could not do its work, or a pipeline cannot.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pg2es import __version__
from pg2es.cli.console import fail, out, set_up_logging
from pg2es.cli.folder import load
from pg2es.core.config import MOST_LANES, Verification
from pg2es.core.drift import Deep
from pg2es.core.errors import ConfigError, Pg2esError
from pg2es.core.grants import Server
from pg2es.core.stream import Steering

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
)

FOUND = 1
FAILED = 2


def _show_version(wanted: bool) -> None:
    if wanted:
        out.print(f"pg2es {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(envvar="PG2ES_CONFIG", help="Folder with platform.yaml, sources/ and pipelines/.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is going on.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep Elasticsearch equal to PostgreSQL."""
    set_up_logging(verbose=verbose)
    context.obj = config


@app.command()
def validate(
    context: typer.Context,
    pipelines: Annotated[list[str] | None, typer.Argument(help="Pipelines; all by default.")] = None,
    connect: Annotated[bool, typer.Option("--connect", help="Ask the servers, too.")] = False,
) -> None:
    """Check the files, and with --connect the servers, tables and SQL behind them."""
    from pg2es.cli.validate import validate

    if not validate(load(context.obj), pipelines or [], connect=connect):
        raise typer.Exit(FOUND)


@app.command()
def grants(
    context: typer.Context,
    server: Annotated[Server, typer.Argument(metavar="postgres|elasticsearch|kafka")],
    batch: Annotated[
        str | None, typer.Option(help="Kafka's name for the batch jobs. Default: User: and their sasl.username.")
    ] = None,
    workers: Annotated[str, typer.Option(help="Kafka's name for the Connect workers.")] = "User:connect",
) -> None:
    """Print what gives pg2es the rights that it needs for what is configured, and no more, for an administrator."""
    from pg2es.cli.grants import grants

    grants(load(context.obj), server, batch=batch, workers=workers)


@app.command()
def suggest(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A file in sources/, without .yaml.")],
    table: Annotated[str, typer.Argument(metavar="SCHEMA.TABLE")],
    name: Annotated[str | None, typer.Option(help="Name of the pipeline. Default: the table's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
) -> None:
    """Write a pipeline file and a mapping for a table."""
    from pg2es.services.clients import Clients
    from pg2es.services.suggest import suggest

    written = suggest(Clients(load(context.obj)), source, table, name=name, force=force)
    out.print(Text(f"Wrote {written.pipeline} and {written.mapping}; check with `pg2es validate --connect`."))


Chunks = Annotated[int | None, typer.Option(min=1, max=1000, help="Into how many parts the table is divided.")]
Parallelism = Annotated[
    int | None, typer.Option(min=1, max=MOST_LANES, help="How many parts are copied at the same time.")
]
KeepOld = Annotated[
    float | None, typer.Option("--keep-old-for", min=0, help="Hours for which the replaced index is kept and fed.")
]

InAirflow = Annotated[bool, typer.Option("--airflow", help="Let Airflow do it, by the DAG of that name, and follow.")]


@app.command()
def backfill(
    context: typer.Context,
    pipeline: str,
    chunks: Chunks = None,
    parallelism: Parallelism = None,
    airflow: InAirflow = False,
) -> None:
    """Read every row of a pipeline's table into its index, while the stream goes on."""
    from pg2es.cli.airflow_runs import run_dag
    from pg2es.cli.jobs import Copying, backfill

    if airflow:
        run_dag(load(context.obj), "backfill", pipeline, chunks=chunks, parallelism=parallelism)
    else:
        backfill(load(context.obj), pipeline, Copying(chunks, parallelism))


@app.command()
def reindex(
    context: typer.Context,
    pipeline: str,
    force: Annotated[bool, typer.Option("--force", help="Also when the plan says that none is needed.")] = False,
    verify: Annotated[Verification | None, typer.Option(help="How the new index is compared.")] = None,
    keep_old_for: KeepOld = None,
    take_over_index: Annotated[
        bool, typer.Option("--take-over-index", help="An index that has the alias' name is REMOVED by the swap.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the swap, whatever the file says.")] = False,
    chunks: Chunks = None,
    parallelism: Parallelism = None,
    airflow: InAirflow = False,
) -> None:
    """Fill a new index beside the live one, verify it, and let the alias point to it."""
    from pg2es.cli.airflow_runs import run_dag
    from pg2es.cli.jobs import Copying, Reindexing, reindex

    how = Reindexing(force, verify, keep_old_for, take_over_index, yes)
    if airflow:
        run_dag(load(context.obj), "reindex", pipeline, **how.params, chunks=chunks, parallelism=parallelism)
    else:
        reindex(load(context.obj), pipeline, how, Copying(chunks, parallelism))


@app.command()
def rollback(
    context: typer.Context,
    pipeline: str,
    keep_old_for: KeepOld = None,
    airflow: InAirflow = False,
) -> None:
    """Let the alias point to the index that the last reindex replaced, once that is found equal."""
    from pg2es.cli.airflow_runs import run_dag
    from pg2es.cli.jobs import rollback

    if airflow:
        run_dag(load(context.obj), "rollback", pipeline, keep_old_for=keep_old_for)
    else:
        rollback(load(context.obj), pipeline, keep_old_for)


@app.command()
def recover(
    context: typer.Context,
    source: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    airflow: InAirflow = False,
) -> None:
    """Let a source whose slot was lost stream again, and bring its indices what the stream has missed."""
    from pg2es.cli.airflow_runs import run_dag
    from pg2es.cli.jobs import confirm_recovery, recover

    project = load(context.obj)
    if not yes:
        confirm_recovery(project.source(source))
    if airflow:
        run_dag(project, "recover", source)
    else:
        recover(project, source)


@app.command()
def verify(
    context: typer.Context,
    pipeline: str,
    ids: Annotated[int, typer.Option(min=0, help="How many ids of each kind of drift to print.")] = 10,
) -> None:
    """Compare every document with its row, byte for byte."""
    from pg2es.cli.verify import verify

    if not verify(load(context.obj), pipeline, ids):
        raise typer.Exit(FOUND)


@app.command()
def certify(
    context: typer.Context,
    pipeline: str,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where the two files are written.")] = Path(),
) -> None:
    """Compare as verify does, and write what was compared, and what was found, as Markdown and JSON."""
    from pg2es.cli.certify import write_certificate

    if not write_certificate(load(context.obj), pipeline, folder):
        raise typer.Exit(FOUND)


@app.command()
def refresh(
    context: typer.Context,
    pipeline: str,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY…", help='Keys of roots; one of several columns as a JSON array, ["a", "b"].'),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Roots whose rows, called `root`, this SQL condition holds for.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All roots and all documents.")] = False,
) -> None:
    """Have the sinks read roots again, beside the changes that go on."""
    from pg2es.cli.refresh import refresh_all, refresh_keys, refresh_where

    if [everything, where is not None, bool(keys)].count(True) != 1:
        raise typer.BadParameter("give keys, or --where, or --all")
    if everything:
        refresh_all(load(context.obj), pipeline)
    elif where is not None:
        refresh_where(load(context.obj), pipeline, where)
    else:
        refresh_keys(load(context.obj), pipeline, keys or [])


@app.command()
def reconcile(
    context: typer.Context,
    pipeline: str,
    deep: Annotated[
        Deep, typer.Option(help="Also read stored documents whole: none, the part that is due, or all.")
    ] = Deep.NONE,
    repair: Annotated[
        bool | None, typer.Option("--repair/--no-repair", help="Read rows of documents that differ again.")
    ] = None,
    max_repair_fraction: Annotated[
        float | None, typer.Option(min=0, max=1, help="Repair nothing when a larger part of the documents differs.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every id that differed into this file.")] = None,
) -> None:
    """Compare all documents with their rows by digests, repair what differs, and report it."""
    from pg2es.cli.reconcile import run

    equal = run(load(context.obj), pipeline, deep=deep, repair=repair, max_repair_fraction=max_repair_fraction, csv=csv)
    if not equal:
        raise typer.Exit(FOUND)


@app.command()
def report(
    context: typer.Context,
    pipeline: Annotated[str | None, typer.Argument(help="A pipeline; all by default.")] = None,
    kind: Annotated[str | None, typer.Option(help="A kind of job, such as reconcile.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest to print.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="With all details, a line for each report.")] = False,
) -> None:
    """Print what backfills, reindexes and reconciliations reported."""
    from pg2es.cli.report import report

    report(load(context.obj), pipeline=pipeline, kind=kind, limit=limit, json=json)


@app.command()
def plan(
    context: typer.Context,
    pipelines: Annotated[list[str] | None, typer.Argument(help="Pipelines; all by default.")] = None,
) -> None:
    """Say what changed files and tables mean for the index: nothing, in place, a reindex, or that it is broken."""
    from pg2es.cli.plan import plan
    from pg2es.core.generations import Verdict

    worst = plan(load(context.obj), pipelines or [])
    if worst is not Verdict.NOTHING:
        raise typer.Exit(FAILED if worst is Verdict.BROKEN else FOUND)


@app.command()
def deploy(context: typer.Context, source: str) -> None:
    """Bring the connectors of a source to what the files say."""
    from pg2es.services import stream
    from pg2es.services.clients import Clients

    project = load(context.obj)
    for name in stream.deploy(Clients(project), project.source(source)):
        out.print(Text(f"{name} runs"))


@app.command()
def remove(
    context: typer.Context,
    source: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the connectors, slot and publication of a source. The indices stay, and get no more changes."""
    from pg2es.services import stream
    from pg2es.services.clients import Clients

    project = load(context.obj)
    found = project.source(source)
    if not yes:
        typer.confirm(f"Remove the connectors, slot {found.slot} and publication {found.publication}?", abort=True)
    removed = stream.remove_source(Clients(project), found)
    out.print(Text(f"Removed {', '.join(removed) or 'nothing: there was none of it'}."))


@app.command()
def connectors(
    context: typer.Context,
    steering: Annotated[Steering, typer.Argument(metavar="pause|stop|resume|restart")],
    source: str,
    pipeline: Annotated[str | None, typer.Option(help="Only the sinks of this pipeline.")] = None,
) -> None:
    """Pause, stop, resume or restart the connectors of a source."""
    from pg2es.services.clients import Clients
    from pg2es.services.stream import steer

    project = load(context.obj)
    chosen = project.pipeline(pipeline) if pipeline else None
    names = steer(Clients(project), project.source(source), chosen, steering)
    out.print(Text(f"{steering.value}: {', '.join(names)}"))


@app.command()
def replay(
    context: typer.Context,
    source: str,
    group: Annotated[str | None, typer.Option(help="One group, as --list names it. Default: all.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show the groups and change nothing.")] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Take the group off the list without refreshing anything.")
    ] = False,
) -> None:
    """Refresh what the dead letters of a source are about. What is refused again stays."""
    from pg2es.cli.replay import discard_group, list_groups, replay

    project = load(context.obj)
    if show:
        left = list_groups(project, source)
    elif not discard:
        left = replay(project, source, group)
    elif group:
        left = discard_group(project, source, group)
    else:
        raise typer.BadParameter("it takes a --group: nothing is discarded that nobody named")
    if left:
        raise typer.Exit(FOUND)


@app.command()
def status(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help="Everything that was seen, and what is wrong, in a line.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
) -> None:
    """Print how servers, sources and pipelines are, and what is wrong."""
    from pg2es.cli.status import status

    if not status(load(context.obj), json=json, watch=watch):
        raise typer.Exit(FOUND)


@app.command()
def watch(context: typer.Context) -> None:
    """Look each minute; say what is wrong, and end, as soon as something is."""
    from pg2es.cli.status import watch

    watch(load(context.obj))
    raise typer.Exit(FOUND)


@app.command()
def export(
    context: typer.Context,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where Prometheus scrapes.")] = "127.0.0.1:9408",
    every: Annotated[float, typer.Option(min=5, help="Seconds from the beginning of a look to the next.")] = 30,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM file of a certificate: serves HTTPS.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM file of the certificate's private key.")
    ] = None,
) -> None:
    """Serve what the monitor sees to Prometheus, at /metrics.

    Beyond this machine it asks for PG2ES_METRICS_USER and PG2ES_METRICS_PASSWORD (or PG2ES_METRICS_PASSWORD_FILE).
    """
    from pg2es.cli.export import Certificate, export

    if bool(certificate) != bool(key):
        raise typer.BadParameter("--certificate and --key come together")
    pair = Certificate(certificate, key) if certificate and key else None
    export(load(context.obj), listen=listen, every_s=every, certificate=pair)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its status."""
    try:
        app(arguments)
    except Pg2esError as error:
        for each in (error, *(error.also if isinstance(error, ConfigError) else ())):
            fail(str(each))
        sys.exit(FAILED)
