"""How a connector's configuration differs from the wanted one, for a log: secrets are hidden."""

from pg2es.core.config import is_secret
from pg2es.core.stream.connectors import Config

_LONGEST = 100


def describe_changes(current: Config, wanted: Config) -> list[str]:
    """Return a line for each option that differs, `option: old → new`. The name is no option."""
    names = sorted((current.keys() | wanted.keys()) - {"name"})
    return [
        f"{name}: {_show(name, current.get(name))} → {_show(name, wanted.get(name))}"
        for name in names
        if current.get(name) != wanted.get(name)
    ]


def _show(name: str, value: str | None) -> str:
    if value is None:
        return "(not set)"
    if is_secret(name):
        return "***"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
