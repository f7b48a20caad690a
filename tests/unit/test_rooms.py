"""The rooms: drawn as the import rules hold them, and entered by their doors alone."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("services", "adapters", "core")


def draw_contracts() -> dict[str, list[list[str]]]:
    """Return the floors of each layer, from the top one down, as import-linter checks them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {
        container.removeprefix("pg2es."): [floor.split(" | ") for floor in contract["layers"]]
        for contract in contracts
        for container in contract.get("containers", ())
    }


def read_drawing() -> dict[str, list[list[str]]]:
    """Return the same from the drawing in CONTRIBUTING.md."""
    floors: dict[str, list[list[str]]] = {}
    (block,) = re.findall(r"```\n(include/pg2es/services/\n.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    for line in block.splitlines():
        if line.startswith("include/pg2es/"):
            floors[line.split("/")[2]] = layer = []
        elif line:
            layer.append(line.split())
    return floors


def imports_past_doors(file: Path) -> Iterator[str]:
    """Give the imports of a file that name a module inside a room of which the file is no part."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        parts = node.module.split(".")
        if parts[0] == "pg2es" and len(parts) > 3 and parts[1] in LAYERS:
            room = ROOT / "include" / Path(*parts[:3])
            if room not in file.parents:
                yield f"{file.relative_to(ROOT)}:{node.lineno}: {node.module}"


def test_the_drawing_shows_what_the_import_rules_hold() -> None:
    assert read_drawing() == draw_contracts()


@pytest.mark.parametrize("folder", ["include/pg2es", "plugins", "dags", "demo", "bench"])
def test_rooms_are_entered_by_their_doors(folder: str) -> None:
    assert [line for file in sorted((ROOT / folder).rglob("*.py")) for line in imports_past_doors(file)] == []
