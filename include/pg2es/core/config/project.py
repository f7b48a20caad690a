"""The configuration folder as a whole: `platform.yaml`, `sources/`, `pipelines/`, `documents/`, `mappings/`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pg2es.core.config.files import load_model, read_yaml
from pg2es.core.config.pipeline import Pipeline
from pg2es.core.config.platform import Platform
from pg2es.core.config.source import Source
from pg2es.core.errors import ConfigError


@dataclass(frozen=True)
class Project:
    """Everything that the files say, checked against each other."""

    folder: Path
    platform: Platform
    sources: dict[str, Source]
    pipelines: dict[str, Pipeline]

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline; ConfigError with the known names when there is none."""
        if name not in self.pipelines:
            known = ", ".join(sorted(self.pipelines)) or "none"
            raise ConfigError(self.folder / "pipelines", "", f"there is no pipeline {name}; known: {known}")
        return self.pipelines[name]

    def source(self, name: str) -> Source:
        """Return the source; ConfigError with the known names when there is none."""
        if name not in self.sources:
            known = ", ".join(sorted(self.sources)) or "none"
            raise ConfigError(self.folder / "sources", "", f"there is no source {name}; known: {known}")
        return self.sources[name]

    def source_of(self, pipeline: Pipeline) -> Source:
        """Return the source that the pipeline reads."""
        return self.sources[pipeline.source]

    def pipelines_of(self, source: Source) -> list[Pipeline]:
        """Return the pipelines that read the source, by name."""
        return [self.pipelines[name] for name in sorted(self.pipelines) if self.pipelines[name].source == source.name]

    @property
    def platform_file(self) -> Path:
        """Where the platform is configured, for error messages."""
        return self.folder / "platform.yaml"

    def source_file(self, source: Source) -> Path:
        """Where a source is configured, for error messages."""
        return self.folder / "sources" / f"{source.name}.yaml"


def load_project(folder: Path) -> Project:
    """Return the project in the folder. Raises ConfigError for the first thing that is wrong."""
    platform = load_model(folder / "platform.yaml", Platform)
    sources = {path.stem: _load_source(path) for path in sorted((folder / "sources").glob("*.yaml"))}
    pipelines = {
        path.stem: _load_pipeline(path, folder, sources) for path in sorted((folder / "pipelines").glob("*.yaml"))
    }
    _check_unique(folder, sources, pipelines)
    return Project(folder, platform, sources, pipelines)


def _load_source(path: Path) -> Source:
    return load_model(path, Source, _named(path))


def _load_pipeline(path: Path, folder: Path, sources: dict[str, Source]) -> Pipeline:
    content = _named(path)
    if "document" in content:
        content["document"] = _read_part(path, "document", folder / "documents", content["document"])
    mapping_name = content.get("mapping", f"{path.stem}.json")
    content["mapping"] = _read_json(path, folder / "mappings", mapping_name)
    pipeline = load_model(path, Pipeline, content)
    if pipeline.source not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise ConfigError(path, "source", f"there is no source {pipeline.source}; known: {known}")
    return pipeline


def _named(path: Path) -> dict[str, Any]:
    """Return the file's content with the name that its file name gives."""
    content = read_yaml(path)
    if "name" in content:
        raise ConfigError(path, "name", f"is not written: the file's name, {path.stem}, is the name")
    return {"name": path.stem, **content}


def _read_part(path: Path, key: str, folder: Path, name: object) -> str:
    if not isinstance(name, str) or Path(name).name != name:
        raise ConfigError(path, key, f"expected the name of a file in {folder.name}/, found {name!r}")
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, key, f"cannot read {folder / name}: {error.strerror}") from error


def _read_json(path: Path, folder: Path, name: object) -> dict[str, Any]:
    text = _read_part(path, "mapping", folder, name)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(folder / str(name), "", f"is not JSON in line {error.lineno}: {error.msg}") from error
    if not isinstance(content, dict):
        raise ConfigError(folder / str(name), "", "expected an object with settings and mappings")
    return content


def _check_unique(folder: Path, sources: dict[str, Source], pipelines: dict[str, Pipeline]) -> None:
    """Two pipelines never share an alias, two sources never a topic prefix; dead letters have a topic of their own."""
    aliases: dict[str, str] = {}
    for name, pipeline in pipelines.items():
        other = aliases.setdefault(pipeline.alias, name)
        if other != name:
            file = folder / "pipelines" / f"{name}.yaml"
            raise ConfigError(file, "alias", f"{pipeline.alias} is the alias of pipeline {other} already")
    prefixes: dict[str, str] = {}
    for name, source in sources.items():
        other = prefixes.setdefault(source.topic_prefix, name)
        if other != name:
            file = folder / "sources" / f"{name}.yaml"
            raise ConfigError(file, "topic_prefix", f"{source.topic_prefix} is the prefix of source {other} already")
    topics: dict[str, str] = {}
    for pipeline in pipelines.values():
        source = sources[pipeline.source]
        topics |= {source.topic_of(table): f"table {table}" for table in pipeline.tables}
        topics |= dict.fromkeys(source.refresh_topics(pipeline.name), f"the refreshes of pipeline {pipeline.name}")
    for name, source in sources.items():
        if user := topics.get(source.dead_letter_topic):
            file = folder / "sources" / f"{name}.yaml"
            raise ConfigError(file, "dead_letter_topic", f"{source.dead_letter_topic} is the topic of {user} already")
        topics[source.dead_letter_topic] = f"source {name}"
