"""Names that two files claim: neither of them is used until they are told apart."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pg2es.core.config.pipeline import Pipeline
from pg2es.core.config.source import Source
from pg2es.core.errors import ConfigError


@dataclass
class Conflicts:
    """The sentence about each source and pipeline that shares a name with another."""

    sources: dict[str, ConfigError] = field(default_factory=dict)
    pipelines: dict[str, ConfigError] = field(default_factory=dict)


def find_conflicts(folder: Path, sources: dict[str, Source], pipelines: dict[str, Pipeline]) -> Conflicts:
    """Return who shares an alias, topic, slot or connection with another."""
    found = Conflicts()
    for key, what in _SOURCE_CLAIMS.items():
        for value, names in _claims({name: what(source) for name, source in sources.items()}):
            for name in names:
                found.sources[name] = _conflict(folder / "sources" / f"{name}.yaml", key, value, "source", name, names)
    for alias, names in _claims({name: pipeline.alias for name, pipeline in pipelines.items()}):
        for name in names:
            file = folder / "pipelines" / f"{name}.yaml"
            found.pipelines[name] = _conflict(file, "alias", alias, "pipeline", name, names)
    _find_shared_topics(folder, sources, pipelines, found)
    return found


_SOURCE_CLAIMS: dict[str, Callable[[Source], object]] = {
    "topic_prefix": lambda source: source.topic_prefix,
    "slot": lambda source: (source.postgres.host, source.postgres.port, source.slot),
    "": lambda source: source.connection,
}
"""What of a source nobody else may have; the last is its name in Airflow, which comes from the file's name."""


def _claims(claims: Mapping[str, object]) -> list[tuple[str, list[str]]]:
    """Return the values that several claim, and who does."""
    claimed: dict[object, list[str]] = defaultdict(list)
    for name, value in claims.items():
        claimed[value].append(name)
    return [(_text(value), names) for value, names in claimed.items() if len(names) > 1]


def _text(value: object) -> str:
    return str(value[-1]) if isinstance(value, tuple) else str(value)


def _conflict(file: Path, key: str, value: str, kind: str, name: str, names: list[str]) -> ConfigError:
    others = ", ".join(other for other in names if other != name)
    return ConfigError(file, key, f"{value} is also that of {kind} {others}; neither is used until one has another")


def _find_shared_topics(
    folder: Path, sources: dict[str, Source], pipelines: dict[str, Pipeline], found: Conflicts
) -> None:
    """Two tables whose names have the same letters for Kafka share a topic; so may a table and the dead letters."""
    users: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))  # topic, what is in it, whose
    for name, pipeline in pipelines.items():
        source = sources[pipeline.source]
        for table in pipeline.tables:
            users[source.topic_of(table)][f"table {table}"].add(name)
        for topic in source.refresh_topics(name):
            users[topic][f"the refreshes of pipeline {name}"].add(name)
    for name, source in sources.items():
        if contents := users.get(source.dead_letter_topic):
            file = folder / "sources" / f"{name}.yaml"
            what = ", ".join(sorted(contents))
            problem = f"{source.dead_letter_topic} is the topic of {what} already"
            found.sources.setdefault(name, ConfigError(file, "dead_letter_topic", problem))
        users[source.dead_letter_topic][f"source {name}"] = set()
    for topic, contents in users.items():
        if len(contents) > 1:
            for name in {name for names in contents.values() for name in names}:
                problem = f"{' and '.join(sorted(contents))} share the topic {topic}; rename one of them"
                found.pipelines.setdefault(name, ConfigError(folder / "pipelines" / f"{name}.yaml", "table", problem))
