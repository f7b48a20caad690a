"""`make release`: what others install, and the list of what each of it is made of."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from pg2es import __version__
from tests.support import CHECKOUT

DIST = CHECKOUT / "dist"


def components(file: str) -> set[tuple[str, str]]:
    """Return names and versions that a bill of materials lists."""
    return {(one["name"], one.get("version", "")) for one in json.loads((DIST / file).read_text())["components"]}


@pytest.mark.long
def test_each_part_comes_with_what_it_is_made_of() -> None:
    subprocess.run(["make", "--no-print-directory", "release"], cwd=CHECKOUT, check=True)
    assert (DIST / f"pg2es-{__version__}-py3-none-any.whl").exists()
    pins = re.findall(r"^([\w.\[\]-]+)==(\S+)", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE)
    assert components("pg2es.cdx.json") == {(re.sub(r"\[.*", "", name), version) for name, version in pins}
    with tarfile.open(DIST / "pg2es-connect.tar.gz") as sink:
        jars = {Path(name).stem for name in sink.getnames() if name.endswith(".jar")}
    listed = {f"{name}-{version}" for name, version in components("pg2es-connect.cdx.json")}
    assert jars - {jar for jar in jars if jar.startswith("pg2es-connect")} == listed
