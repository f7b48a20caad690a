"""References to values that live outside the files: `${env:NAME}` and `${file:/path:key}`.

It is the syntax of Kafka Connect's config providers, so that one notation serves the YAML files, Python and the
connectors. A secret goes to Kafka Connect as its reference, never as its value; the workers resolve it themselves.
"""

import os
import re
from pathlib import Path

from pg2es.core.errors import ConfigError

_REFERENCE = re.compile(r"\$\{(?:env:(?P<name>[^:}]+)|file:(?P<file>[^:}]+):(?P<key>[^}]+))\}")


def is_reference(text: str) -> bool:
    """Whether the whole of `text` is one reference."""
    return _REFERENCE.fullmatch(text) is not None


def resolve(text: str, *, file: Path, key: str) -> str:
    """Return `text` with every reference replaced by its value; `file` and `key` say where it stands.

    Raises ConfigError for a variable that is not set, a file that cannot be read, or a key that is not in it.
    """

    def value_of(match: re.Match[str]) -> str:
        if name := match["name"]:
            if name not in os.environ:
                raise ConfigError(file, key, f"the environment variable {name} is not set; export it")
            return os.environ[name]
        return _read_property(Path(match["file"]), match["key"], file=file, key=key)

    return _REFERENCE.sub(value_of, text)


def _read_property(properties: Path, name: str, *, file: Path, key: str) -> str:
    """Return one value of a `name=value` file, as Kafka Connect's FileConfigProvider does."""
    try:
        lines = properties.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(file, key, f"cannot read {properties}: {error.strerror}") from error
    for line in lines:
        found, separator, value = line.partition("=")
        if separator and found.strip() == name and not line.lstrip().startswith("#"):
            return value.strip()
    raise ConfigError(file, key, f"{properties} has no entry {name}")
