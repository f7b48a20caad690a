"""`python -m stack`: the embedded stack from a terminal."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stack.config import load_config
from stack.errors import StackError
from stack.launcher import Stack, State, read_tail
from stack.processes import POLL_INTERVAL_S

app = typer.Typer(
    help="The embedded stack: real servers, no container engine.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)

Service = Annotated[str, typer.Argument(help="Name of a service, as `status` lists them.")]


@app.command()
def up(services: Annotated[list[str] | None, typer.Argument(help="All, if none is named.")] = None) -> None:
    """Start services with all they need, and wait until they are ready."""
    with _one_line_errors():
        _build_stack().up(services or ())


@app.command()
def down() -> None:
    """Stop every service."""
    with _one_line_errors():
        _build_stack().down()


@app.command()
def clean() -> None:
    """Stop every service and remove the stack's data."""
    with _one_line_errors():
        _build_stack().clean()


@app.command()
def start(service: Service) -> None:
    """Start one service, and wait until it is ready."""
    with _one_line_errors():
        _build_stack().start(service)


@app.command()
def kill(service: Service) -> None:
    """End one service by SIGKILL, as a crash would."""
    with _one_line_errors():
        Stack().kill(service)


@app.command()
def status() -> None:
    """Show each service's state, process, ports and memory."""
    colours = {State.RUNNING: "green", State.STOPPED: "dim", State.DEAD: "red"}
    table = Table("service", "state", "pid", "ports", "memory", box=None)
    with _one_line_errors():
        for service in Stack().status():
            table.add_row(
                service.name,
                f"[{colours[service.state]}]{service.state}[/]",
                str(service.pid or ""),
                " ".join(map(str, service.ports)),
                f"{service.memory_bytes / 2**20:.0f} MiB" if service.memory_bytes else "",
            )
    _out.print(table)


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="All, if none is named.")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the end of one service's log, or of all."""
    with _one_line_errors():
        stack = Stack()
        chosen = [stack.find(service)] if service else list(stack.services.values())
    for one in chosen:
        prefix = "" if service else f"{one.name} | "
        for line in read_tail(one, lines):
            typer.echo(prefix + line)
    if follow:
        streams = {one.name: one.log.open(errors="replace") for one in chosen if one.log.exists()}
        for stream in streams.values():
            stream.seek(0, 2)
        while True:
            for name, stream in streams.items():
                for line in stream:
                    typer.echo(line.rstrip("\n") if service else f"{name} | {line.rstrip()}")
            time.sleep(POLL_INTERVAL_S)


@app.command()
def env() -> None:
    """Print `export` lines for a shell: eval "$(python -m stack env)"."""
    with _one_line_errors():
        for name, value in sorted(load_config().environment().items()):
            typer.echo(f"export {name}={shlex.quote(value)}")


def _build_stack() -> Stack:
    return Stack(report=lambda line: _out.print(f"[green]✓[/] {line}"))


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Show an error of the stack as its message, without a traceback."""
    try:
        yield
    except StackError as error:
        _err.print(Text.assemble(("error:", "red"), f" {error}"), soft_wrap=True)
        raise typer.Exit(1) from None
