"""Which configuration folder the commands use."""

from pathlib import Path

from rich.text import Text

import pg2es
from pg2es.cli.console import err
from pg2es.core.config import Project, load_project
from pg2es.core.errors import ConfigError


def find_folder(given: Path | None) -> Path:
    """Return the folder that has `platform.yaml`: the given one, else `include/` here, this folder, or the checkout's.

    Raises ConfigError when there is none.
    """
    checkout = Path(pg2es.__file__).parent.parent
    candidates = [given] if given else [Path("include"), Path(), checkout]
    for folder in candidates:
        if (folder / "platform.yaml").is_file():
            return folder
    searched = ", ".join(str(folder.absolute()) for folder in candidates)
    raise ConfigError("platform.yaml", "", f"is not in {searched}; name the folder with --config or PG2ES_CONFIG")


def load(given: Path | None) -> Project:
    """Return the project in the folder that `find_folder` finds, and say what is set aside."""
    project = load_project(find_folder(given))
    for one in project.aside:
        for error in (one.error, *one.error.also):
            err.print(Text(f"Set aside: {error}", style="yellow"))
    return project
