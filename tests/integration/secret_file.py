"""Secrets that the workers of Kafka Connect read, too: a file in a folder that their config provider is allowed."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def secret_file(secrets: Mapping[str, str]) -> Iterator[Path]:
    """Give a file of properties, gone afterwards; `${file:PATH:NAME}` refers to a secret of it."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "/run")
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="pg2es-", suffix=".properties") as file:
        file.writelines(f"{name}={value}\n" for name, value in secrets.items())
        file.flush()
        Path(file.name).chmod(0o644)  # the workers may be of another user
        yield Path(file.name)
