"""Indices and aliases of Elasticsearch."""

from typing import Any

from elasticsearch import Elasticsearch

from pg2es.adapters.elasticsearch import translate_errors
from pg2es.core.errors import GenerationError
from pg2es.core.generation import Meta, generation_number

BUILD_SETTINGS: dict[str, Any] = {"index.refresh_interval": "-1"}
"""Settings of a generation that nobody searches yet."""

NORMAL_SETTINGS: dict[str, Any] = {"index.refresh_interval": None}
"""None takes a setting back to the default of the server."""


def list_generations(client: Elasticsearch, alias: str) -> dict[int, str]:
    """Return the indices that are generations of the alias, by number."""
    with translate_errors(f"listing the generations of {alias}"):
        found = client.indices.get(index=f"{alias}-*", features=["aliases"], expand_wildcards="open").body
    numbered = ((generation_number(alias, index), index) for index in found)
    return {number: index for number, index in sorted(numbered, key=lambda pair: pair[1]) if number is not None}


def live_generation(client: Elasticsearch, alias: str) -> str | None:
    """Return the index that the alias points to, None when there is no such alias.

    Raises GenerationError when the name is a plain index or the alias has several indices.
    """
    with translate_errors(f"reading the alias {alias}"):
        found = client.indices.get(index=alias, ignore_unavailable=True, features=["aliases"]).body
    if alias in found:
        raise GenerationError(
            f"{alias} is an index, not an alias. Remove or rename the index, or give the pipeline another `alias`."
        )
    if len(found) > 1:
        raise GenerationError(f"The alias {alias} points to several indices ({', '.join(sorted(found))}); leave one.")
    return next(iter(found), None)


def read_meta(client: Elasticsearch, index: str) -> Meta:
    """Return what the generation remembers; GenerationError when the index is missing or not made by pg2es."""
    with translate_errors(f"reading the mapping of {index}"):
        mapping = client.indices.get_mapping(index=index).body[index]["mappings"]
    return Meta.from_mapping(index, mapping.get("_meta"))


def write_meta(client: Elasticsearch, index: str, meta: Meta) -> None:
    """Make the generation remember."""
    with translate_errors(f"writing the mapping of {index}"):
        client.indices.put_mapping(index=index, meta=meta.to_mapping())


def count_documents(client: Elasticsearch, index: str) -> int:
    """Return the number of searchable documents."""
    with translate_errors(f"counting {index}"):
        return int(client.count(index=index).body["count"])


def refresh_index(client: Elasticsearch, index: str) -> None:
    """Make everything that was written searchable."""
    with translate_errors(f"refreshing {index}"):
        client.indices.refresh(index=index)


def apply_settings(client: Elasticsearch, index: str, settings: dict[str, Any]) -> None:
    """Change settings of an index; None takes one back to its default."""
    with translate_errors(f"changing settings of {index}"):
        client.indices.put_settings(index=index, settings=settings)
