"""A disk that is full: a small file system in memory, which takes root to mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096


@contextmanager
def full_disk(folder: Path, **kept: str) -> Iterator[Path]:
    """Give a folder with these small files, in which there is room for more folders and for nothing in a file."""
    folder.mkdir()
    size = (1 + len(kept)) * PAGE
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        for name, text in kept.items():
            (folder / name).write_text(text)
        (folder / "filler").write_bytes(bytes(PAGE))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
