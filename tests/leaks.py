"""The stack's passwords, and looking for them where they must not be."""

from collections.abc import Iterator
from pathlib import Path

from stack.config import load_config

PUBLIC = frozenset({"KAFKA_CLUSTER_ID"})


def find_secrets(text: str | bytes) -> list[str]:
    """Return the names of the stack's generated passwords and keys that a text holds."""
    content = text.encode() if isinstance(text, str) else text
    known = load_config().credentials
    return [name for name, value in known.items() if name not in PUBLIC and value.encode() in content]


def find_in_files(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Give each file below a folder that holds some, with their names."""
    for file in folder.rglob("*"):
        if file.is_file() and (found := find_secrets(file.read_bytes())):
            yield file, found
