"""A Redis for as long as it is needed: CeleryExecutor and PGSync want one, pg2es does not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.config import HOST
from stack.errors import MissingArtifactError
from stack.ports import free_port


@contextmanager
def run_redis(folder: Path) -> Iterator[int]:
    """Give the port of a Redis that keeps nothing on disk; MissingArtifactError when it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        raise MissingArtifactError("There is no redis-server: apt-get install redis-server")
    port = free_port()
    command = [program, "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
