"""`pg2es refresh`: asks the sinks of a pipeline to read roots again, as any other program may."""

import json

from rich.text import Text

from pg2es.cli.console import out
from pg2es.core.config import Project
from pg2es.core.errors import NotAKey
from pg2es.services.clients import Clients
from pg2es.services.refresh import request_all, request_keys, request_where


def refresh_all(project: Project, pipeline: str) -> None:
    """Ask for every root and every document."""
    request_all(Clients(project), project.pipeline(pipeline))
    out.print(Text(f"Asked the sinks of {pipeline} to refresh all documents."))


def refresh_keys(project: Project, pipeline: str, keys: list[str]) -> None:
    """Ask for some roots."""
    request_keys(Clients(project), project.pipeline(pipeline), [_parse(key) for key in keys])
    out.print(Text(f"Asked the sinks of {pipeline} to refresh {len(keys):,} roots."))


def refresh_where(project: Project, pipeline: str, condition: str) -> None:
    """Ask for the roots whose rows a condition holds for."""
    asked = request_where(Clients(project), project.pipeline(pipeline), condition)
    out.print(Text(f"Asked the sinks of {pipeline} to refresh {asked:,} roots."))


def _parse(text: str) -> tuple[str, ...]:
    """Return a key: the text of its one column, or a JSON array of texts where it has several."""
    if not text.startswith("["):
        return (text,)
    try:
        columns = json.loads(text)
    except ValueError as error:
        raise NotAKey(f'{text} is no JSON array ({error}); write a key of several columns as ["a", "b"].') from None
    return tuple(str(column) for column in columns)
