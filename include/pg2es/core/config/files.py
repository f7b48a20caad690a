"""Reading YAML files into models, with errors that name file, key, what was found and what is allowed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pg2es.core.config.references import is_reference, is_secret, resolve
from pg2es.core.config.texts import describe, read_yaml
from pg2es.core.errors import ConfigError


class FileModel(BaseModel):
    """Base of what is read from a file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


M = TypeVar("M", bound=FileModel)


def _check_secret(text: str) -> str:
    if not is_reference(text):
        raise ValueError("a secret does not stand in a file: write a reference, ${env:NAME} or ${file:/path:key}")
    return text


Secret = Annotated[str, AfterValidator(_check_secret), Field(json_schema_extra={"format": "reference"})]
"""A reference to a secret. Kept unresolved; `resolve` it at the moment it is used."""


def load_model(path: Path, model: type[M], content: Mapping[str, Any] | None = None) -> M:
    """Return the model of a YAML file (`content` when it is already read); ConfigError names the bad keys."""
    content = read_yaml(path) if content is None else content
    try:
        return model.model_validate(content)
    except RecursionError as error:
        raise ConfigError(path, "", "is nested too deeply") from error
    except ValidationError as error:
        problems = {
            ".".join(str(part) for part in found["loc"]): _explain(found, model, _value_at(content, found["loc"]))
            for found in reversed(error.errors())  # of one key the first says it
        }
        (key, problem), *others = reversed(problems.items())
        raise ConfigError(path, key, problem, tuple(ConfigError(path, *other) for other in others)) from None


def resolve_fields(model: FileModel, path: Path, prefix: str = "") -> dict[str, Any]:
    """Return the fields of a model with every reference resolved: what a client of this process is made with.

    Mappings stay as they are: some go to others, who resolve them.
    """
    resolved: dict[str, Any] = {}
    for name, value in model:
        key = f"{prefix}{name}"
        if isinstance(value, str):
            resolved[name] = resolve(value, file=path, key=key)
        elif isinstance(value, tuple):
            texts = (resolve(item, file=path, key=key) for item in value)
            resolved[name] = tuple(part.strip() for text in texts for part in text.split(","))
        else:
            resolved[name] = value
    return resolved


def resolve_entries(entries: dict[str, str], path: Path, key: str) -> dict[str, str]:
    """Return the mapping at a key with every reference resolved."""
    return {name: resolve(value, file=path, key=f"{key}.{name}") for name, value in entries.items()}


def _explain(problem: Any, model: type[BaseModel], found: object) -> str:
    kind = problem["type"]
    if kind == "extra_forbidden":
        allowed = ", ".join(sorted(_fields_at(model, problem["loc"][:-1]) - {"name"}))  # the file's name is the name
        return f"unknown key; allowed here: {allowed}"
    if kind == "missing":
        return "is missing; it is required"
    message = problem["msg"].removeprefix("Value error, ")
    # What stands in a secret's place may be one.
    hidden = "secret" in message or any(is_secret(str(part)) for part in problem["loc"])
    show = found is not None and not hidden
    return f"{message[0].lower()}{message[1:]}" + (f", found {describe(found)}" if show else "")


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """Names that are allowed at a place in the model, following nested models and lists of them."""
    current: type[BaseModel] = model
    for part in loc:
        if isinstance(part, str) and part in current.model_fields:
            nested = _model_in(current.model_fields[part].annotation)
            current = nested or current
    return set(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _model_in(argument):
            return found
    return None


def _value_at(content: object, loc: tuple[int | str, ...]) -> object:
    for part in loc:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
        else:
            return None
    return content if isinstance(content, (str, int, float, bool, list)) else None
