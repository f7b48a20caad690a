"""`pg2es certify`: a page about a comparison of every byte."""

from pathlib import Path

import orjson
from rich.text import Text

from pg2es.adapters.files import make_folder, write_file
from pg2es.cli.console import err, out
from pg2es.core.config import Project
from pg2es.services.clients import Clients
from pg2es.services.drift import certify


def write_certificate(project: Project, name: str, folder: Path) -> bool:
    """Compare a pipeline with PostgreSQL, write what was found as Markdown and JSON, return whether both are equal."""
    pipeline = project.pipeline(name)
    make_folder(folder)  # before the work of minutes
    with err.status(f"Comparing {pipeline.alias} with PostgreSQL …"):
        made = certify(Clients(project), pipeline)
    out.print(Text(made.verdict))  # before a file that may not find room
    page, data = (folder / f"{made.name}.{ending}" for ending in ("md", "json"))
    write_file(page, made.to_markdown())
    write_file(data, orjson.dumps(made.to_json(), option=orjson.OPT_INDENT_2))
    out.print(Text(f"Wrote {page} and {data}."))
    return made.found.clean
