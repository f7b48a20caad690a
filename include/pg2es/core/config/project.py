"""The configuration folder as a whole: `platform.yaml`, `sources/`, `pipelines/`, `documents/`, `mappings/`.

One file that cannot be used stops nobody but those who need it: it is set aside, with the sentence that says why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pg2es.core.config.conflicts import find_conflicts
from pg2es.core.config.files import load_model
from pg2es.core.config.pipeline import Pipeline
from pg2es.core.config.platform import Platform
from pg2es.core.config.source import Source
from pg2es.core.config.texts import parse_json, read_text, read_yaml
from pg2es.core.errors import ConfigError

M = TypeVar("M")


@dataclass(frozen=True)
class SetAside:
    """A source or pipeline whose files cannot be used, and why. Everything else goes on without it.

    `source`: whose pipeline it is, None where that cannot be told, so that it may be anybody's.
    """

    name: str
    error: ConfigError
    source: str | None = None


@dataclass(frozen=True)
class Project:
    """Everything that the files say, checked against each other; what cannot be used is set aside."""

    folder: Path
    platform: Platform
    sources: dict[str, Source]
    pipelines: dict[str, Pipeline]
    sources_aside: tuple[SetAside, ...] = ()
    pipelines_aside: tuple[SetAside, ...] = ()

    @property
    def aside(self) -> tuple[SetAside, ...]:
        """All that is set aside."""
        return self.sources_aside + self.pipelines_aside

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline; ConfigError when it is set aside, and with the known names when there is none."""
        if name not in self.pipelines:
            _raise_error_of(self.pipelines_aside, name)
            known = ", ".join(sorted(self.pipelines)) or "none"
            raise ConfigError(self.folder / "pipelines", "", f"there is no pipeline {name}; known: {known}")
        return self.pipelines[name]

    def source(self, name: str) -> Source:
        """Return the source; ConfigError when it is set aside, and with the known names when there is none."""
        if name not in self.sources:
            _raise_error_of(self.sources_aside, name)
            known = ", ".join(sorted(self.sources)) or "none"
            raise ConfigError(self.folder / "sources", "", f"there is no source {name}; known: {known}")
        return self.sources[name]

    def aside_of(self, source: Source) -> tuple[SetAside, ...]:
        """Return the pipelines set aside that read the source, or may do so, but for a second file of a sound one."""
        found = (one for one in self.pipelines_aside if one.name not in self.pipelines)
        return tuple(one for one in found if one.source in (None, source.name))

    def check_whole(self, source: Source) -> None:
        """Raise ConfigError when something is set aside that may belong to the source: before what cannot be undone."""
        if aside := self.aside_of(source):
            raise ConfigError(
                aside[0].error.file,
                aside[0].error.key,
                f"{aside[0].error.problem}. Pipeline {aside[0].name} may belong to source {source.name}, and this is "
                f"done to a source only when all of its files are in order",
            )

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
    """Return the project in the folder, without what cannot be used. Raises ConfigError for `platform.yaml`."""
    platform = load_model(folder / "platform.yaml", Platform)
    sources, sources_aside = _load_each(folder / "sources", _load_source)
    pipelines, aside = _load_each(folder / "pipelines", lambda path: _load_pipeline(path, folder, sources))
    pipelines_aside = [SetAside(one.name, one.error, _source_named_in(folder / "pipelines", one.name)) for one in aside]
    problems = find_conflicts(folder, sources, pipelines)
    for name, error in problems.sources.items():
        sources_aside.append(SetAside(name, error))
        del sources[name]
    for name, pipeline in list(pipelines.items()):
        if problem := problems.pipelines.get(name) or problems.sources.get(pipeline.source):
            pipelines_aside.append(SetAside(name, problem, pipeline.source))
            del pipelines[name]
    return Project(folder, platform, sources, pipelines, tuple(sources_aside), tuple(pipelines_aside))


def _load_each(folder: Path, load: Callable[[Path], M]) -> tuple[dict[str, M], list[SetAside]]:
    """Return what each file of a folder says, by its name, and what cannot be used."""
    found: dict[str, M] = {}
    aside: list[SetAside] = []
    for path in sorted(folder.glob("*")):
        if path.suffix == ".yaml":
            try:
                found[path.stem] = load(path)
            except ConfigError as error:
                aside.append(SetAside(path.stem, error))
        elif path.suffix.lower() in (".yaml", ".yml"):
            unread = ConfigError(path, "", f"is not read, as its name does not end in .yaml; call it {path.stem}.yaml")
            aside.append(SetAside(path.stem, unread))
    return found, aside


def _source_named_in(folder: Path, pipeline: str) -> str | None:
    """Return the source that a pipeline file names, as far as it can be read."""
    try:
        source = read_yaml(folder / f"{pipeline}.yaml").get("source")
    except ConfigError:
        return None
    return source if isinstance(source, str) else None


def _raise_error_of(aside: tuple[SetAside, ...], name: str) -> None:
    for one in aside:
        if one.name == name:
            raise one.error


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
        raise ConfigError(
            path, "source", f"there is no source {pipeline.source} that can be used; those that can: {known}"
        )
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
        return read_text(folder / name)
    except OSError as error:
        raise ConfigError(path, key, f"cannot read {folder / name}: {error.strerror}") from error
    except ValueError as error:  # NUL, or half a pair of surrogates
        raise ConfigError(path, key, f"{name!r} can be the name of no file") from error


def _read_json(path: Path, folder: Path, name: object) -> dict[str, Any]:
    text = _read_part(path, "mapping", folder, name)
    content = parse_json(folder / str(name), text)
    if not isinstance(content, dict):
        raise ConfigError(folder / str(name), "", "expected an object with settings and mappings")
    return content
