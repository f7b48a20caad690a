"""References to values that live outside the files: `${env:NAME}` and `${file:/path:key}`.

It is the syntax of Kafka Connect's config providers, so that one notation serves the YAML files, Python and the
connectors. A secret goes to Kafka Connect as its reference, never as its value; the workers resolve it themselves.
"""

import os
import re
from pathlib import Path

from pg2es.core.errors import ConfigError

_REFERENCE = re.compile(r"\$\{(?:env:(?P<name>[^:}]+)|file:(?P<file>[^:}]+):(?P<key>[^}]+))\}")

_ANY_REFERENCE = re.compile(r"\$\{[^}]*:[^}]*\}")
"""What a worker replaces wherever it stands, when it knows the name before the colon."""

_SECRETS = (
    "password",
    "passphrase",
    "api.key",
    "secret",
    "token",
    "jaas.config",
    "keystore.key",
    "user.info",
    "Authorization",
)


def find_reference(text: str) -> str | None:
    """Return the first part of `text` that a worker of Kafka Connect may take for a reference, or None."""
    found = _ANY_REFERENCE.search(text)
    return found[0] if found else None


def is_secret(name: str) -> bool:
    """Return whether an option of that name holds a secret, or a reference to one: whatever stands there is hidden."""
    return name.endswith(_SECRETS)


def refuse_secrets(options: dict[str, str]) -> dict[str, str]:
    """Return the options; ValueError for a secret that stands there itself."""
    for name, value in options.items():
        if is_secret(name) and not find_reference(value):
            raise ValueError(f"a secret does not stand in a file: write a reference, ${{env:NAME}}, for {name}")
    return options


def is_reference(text: str) -> bool:
    """Whether the whole of `text` is one reference."""
    return _REFERENCE.fullmatch(text) is not None


def resolve(text: str, *, file: Path, key: str) -> str:
    """Return `text` with every reference replaced by its value; `file` and `key` say where it stands.

    Raises ConfigError for a variable that is not set, a file that cannot be read, or a key that is not in it.
    """

    def value_of(match: re.Match[str]) -> str:
        if name := match["name"]:
            try:
                return os.environ[name]
            except (KeyError, ValueError) as error:  # half a pair of surrogates is in the name of none
                raise ConfigError(file, key, f"the environment variable {name} is not set; export it") from error
        return _read_property(Path(match["file"]), match["key"], file=file, key=key)

    return _REFERENCE.sub(value_of, text)


def _read_property(properties: Path, name: str, *, file: Path, key: str) -> str:
    """Return one value of a `.properties` file, as Kafka Connect's FileConfigProvider does."""
    import javaproperties  # few configurations have such a file, and every DAG file reads one

    try:
        content = properties.read_bytes()
    except OSError as error:
        raise ConfigError(file, key, f"cannot read {properties}: {error.strerror}") from error
    except ValueError as error:  # NUL, or half a pair of surrogates
        raise ConfigError(file, key, f"{str(properties)!r} can be the name of no file") from error
    try:
        values = javaproperties.loads(content.decode())
    except ValueError as error:  # no UTF-8, or an escape that is none
        raise ConfigError(file, key, f"{properties} is no file of properties: {error}") from error
    if name not in values:
        raise ConfigError(file, key, f"{properties} has no entry {name}")
    return values[name]
