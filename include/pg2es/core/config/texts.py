"""Texts of files: UTF-8, YAML and JSON, each key once. Whatever else stands there is refused in a sentence."""

import json
from pathlib import Path
from typing import Any, NoReturn

import yaml

from pg2es.core.errors import ConfigError

_BAD_TAGS = (ArithmeticError, AttributeError, LookupError, TypeError)
"""What PyYAML raises for a value that is not of the type that its tag names, such as `!!bool perhaps`."""


def read_text(path: Path) -> str:
    """Return the text of a file, without the byte order mark that some editors put in front; OSError as of any file."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, "", f"is not UTF-8 in line {line}; save it as UTF-8") from error


def check_readable(path: str, file: Path, key: str) -> None:
    """Raise ConfigError unless the file that a key of `file` names can be read."""
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(file, key, f"cannot read {path}: {error.strerror}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; ConfigError when it holds anything else."""
    try:
        content = yaml.load(read_text(path), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError, ValueError, *_BAD_TAGS) as error:
        raise ConfigError(path, "", f"is not YAML{_explain(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(path, "", f"expected keys and values, found {describe(content)}")
    if odd := next((key for key in content if not isinstance(key, str)), None):
        raise ConfigError(path, "", f"expected keys that are texts, found {describe(odd)}")
    return content


def parse_json(path: Path, text: str) -> Any:
    """Return what the text of a JSON file says; ConfigError when it is none."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(path, "", f"is not JSON in line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(path, "", "is not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise ConfigError(path, "", f"is not JSON: {error}") from error


def describe(value: object) -> str:
    """Return a value as an error shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return "a number of very many digits"  # Python refuses to write it
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}…"


_LONGEST_INT = 10_000
"""Bits; Python writes no number of more than 4,300 digits."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that comes twice; YAML's own loader takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} comes twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _explain(error: Exception) -> str:
    """Return where in a YAML file something is wrong, and what."""
    if isinstance(error, yaml.reader.ReaderError):
        return f": the character U+{error.character:04X} at position {error.position} is not allowed"
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark else ""
    if isinstance(error, RecursionError):
        return ": it is nested too deeply"
    if isinstance(error, _BAD_TAGS):
        return ": a value is not of the type that its tag names"
    return f"{where}: {getattr(error, 'problem', None) or error}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} comes twice")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
