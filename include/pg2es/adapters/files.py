"""Files that people get: whole or not at all, and a sentence where one cannot be written."""

from contextlib import suppress
from pathlib import Path

from pg2es.core.errors import NotWritten


def write_file(file: Path, content: str | bytes) -> None:
    """Write a file, and its folder where there is none; what was there before stays when NotWritten is raised."""
    whole = content.encode() if isinstance(content, str) else content
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not file.is_file():  # such as /dev/stdout
            file.write_bytes(whole)
        else:
            _replace(file.resolve(), whole)  # a link stays one
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder where there is none; NotWritten says why it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(f"Folder {folder} cannot be made: {error.strerror}.") from error


def _replace(file: Path, content: bytes) -> None:
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
