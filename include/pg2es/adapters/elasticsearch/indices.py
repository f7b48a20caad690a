"""Indices and aliases of Elasticsearch."""

from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from pg2es.adapters.elasticsearch.client import translate_errors
from pg2es.core.errors import GenerationError
from pg2es.core.generations import Meta, generation_number, parse_seconds

BUILD_SETTINGS: dict[str, Any] = {"index.refresh_interval": "-1"}
"""Settings of a generation that nobody searches yet."""

NORMAL_SETTINGS: dict[str, Any] = {"index.refresh_interval": None}
"""None takes a setting back to the default of the server."""


def list_indices(client: Elasticsearch, alias: str) -> list[str]:
    """Return the indices whose names begin with the alias' name and a hyphen: generations, and others."""
    with translate_errors(f"listing the indices of {alias}"):
        return sorted(client.indices.get(index=f"{alias}-*", features=["aliases"], expand_wildcards="open").body)


def list_generations(client: Elasticsearch, alias: str) -> dict[int, str]:
    """Return the indices that are generations of the alias, by number."""
    numbered = ((generation_number(alias, index), index) for index in list_indices(client, alias))
    return {number: index for number, index in numbered if number is not None}


def live_generation(client: Elasticsearch, alias: str) -> str | None:
    """Return the index that the alias points to, None when there is no such alias.

    Raises GenerationError when the name is a plain index or the alias has several indices.
    """
    with translate_errors(f"reading the alias {alias}"):
        found = client.indices.get(index=alias, ignore_unavailable=True, features=["aliases"]).body
    if alias in found:
        raise GenerationError(
            f"{alias} is an index, not an alias. Remove or rename the index, give the pipeline another `alias`, or let "
            f"a reindex take its place (Param take_over_index)."
        )
    if len(found) > 1:
        raise GenerationError(f"The alias {alias} points to several indices ({', '.join(sorted(found))}); leave one.")
    return next(iter(found), None)


def is_index(client: Elasticsearch, name: str) -> bool:
    """Return whether there is an index of this very name; an alias is none."""
    with translate_errors(f"looking for {name}"):
        return name in client.indices.get(index=name, ignore_unavailable=True, features=["aliases"]).body


def point_alias(client: Elasticsearch, alias: str, index: str, replaced: str | None) -> None:
    """Let the alias point to the index alone, in one step that searches see whole or not at all.

    `replaced` is what the name stands for now: the index the alias points to, or an index of that very name, which is
    removed. GenerationError when it is not so any more; then nothing has changed.
    """
    actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": alias}}]
    if replaced == alias:
        actions.insert(0, {"remove_index": {"index": alias}})  # which must exist anyway
    elif replaced is not None:
        actions.insert(0, {"remove": {"index": replaced, "alias": alias, "must_exist": True}})
    with translate_errors(f"pointing the alias {alias} to {index}"):
        client.indices.update_aliases(actions=actions)


def create_index(client: Elasticsearch, index: str, body: dict[str, Any], alias: str | None = None) -> None:
    """Create an index, with its alias in the same step."""
    with translate_errors(f"creating index {index}"):
        client.indices.create(index=index, **body, aliases={alias: {}} if alias else {})


def ensure_index(client: Elasticsearch, index: str, body: dict[str, Any]) -> bool:
    """Create an index unless it is there, and return whether this call made it."""
    with translate_errors(f"creating index {index}"):
        if client.indices.exists(index=index):
            return False
        try:
            client.indices.create(index=index, **body)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":  # another run was faster
                raise
            return False
    return True


def remove_index(client: Elasticsearch, index: str) -> None:
    """Remove an index; it is no error when there is none."""
    with translate_errors(f"removing index {index}"):
        client.indices.delete(index=index, ignore_unavailable=True)


def put_mapping(client: Elasticsearch, index: str, mapping: dict[str, Any]) -> None:
    """Add to a mapping; GenerationError says what Elasticsearch does not take in an index that is there."""
    with translate_errors(f"changing the mapping of {index}"):
        client.indices.put_mapping(index=index, **mapping)


def read_health(client: Elasticsearch, index: str, timeout_s: float) -> tuple[str, int, int]:
    """Return the colour of an index, copies of a shard that it should have, and nodes that hold data.

    Waits up to `timeout_s` for green.
    """
    with translate_errors(f"reading the health of {index}"):
        # 408 is the answer when it is not green in time.
        health = client.options(request_timeout=timeout_s + 30, ignore_status=408).cluster.health(
            index=index, level="indices", wait_for_status="green", timeout=f"{timeout_s:.0f}s"
        )
    copies = 1 + int(health["indices"][index]["number_of_replicas"])
    return str(health["status"]), copies, int(health["number_of_data_nodes"])


def read_meta(client: Elasticsearch, index: str) -> Meta:
    """Return what the generation remembers; GenerationError when the index is missing or not made by pg2es."""
    with translate_errors(f"reading the mapping of {index}"):
        mapping = client.indices.get_mapping(index=index).body[index]["mappings"]
    return Meta.from_mapping(index, mapping.get("_meta"))


def read_histories(client: Elasticsearch, index: str) -> dict[str, str]:
    """Return by number of the shard the id of its history, as far as its primary is there.

    It stays through restarts, moves and promotions. A snapshot that is restored begins another one, and so does a shard
    that is allocated by force: what was written since is gone.
    """
    with translate_errors(f"reading the shards of {index}"):
        found = client.indices.stats(
            index=index,
            metric="docs",
            level="shards",
            filter_path="indices.*.shards.*.routing.primary,indices.*.shards.*.commit.user_data.history_uuid",
        ).body
    shards = found.get("indices", {}).get(index, {}).get("shards", {})
    return {
        number: copy["commit"]["user_data"]["history_uuid"]
        for number, copies in shards.items()
        for copy in copies
        if copy["routing"]["primary"] and "commit" in copy
    }


def read_gc_deletes_s(client: Elasticsearch, index: str) -> float:
    """Return how many seconds an index remembers the version of a deleted document."""
    name = "index.gc_deletes"
    with translate_errors(f"reading the settings of {index}"):
        found = client.indices.get_settings(index=index, name=name, flat_settings=True, include_defaults=True).body
    value = {**found[index].get("defaults", {}), **found[index]["settings"]}[name]
    return parse_seconds(value)


def read_fields(client: Elasticsearch, index: str) -> dict[str, Any]:
    """Return the fields that the mapping has now, those that Elasticsearch added by itself included."""
    with translate_errors(f"reading the mapping of {index}"):
        mapping = client.indices.get_mapping(index=index).body[index]["mappings"]
    return {"properties": mapping.get("properties", {})}


def write_meta(client: Elasticsearch, index: str, meta: Meta) -> None:
    """Make the generation remember."""
    with translate_errors(f"writing the mapping of {index}"):
        client.indices.put_mapping(index=index, meta=meta.to_mapping())


def count_documents(client: Elasticsearch, index: str) -> int:
    """Return the number of searchable documents."""
    with translate_errors(f"counting {index}"):
        return int(client.count(index=index).body["count"])


def count_written(client: Elasticsearch, index: str) -> int:
    """Return how many documents were written to an index since its shards are where they are, each time counted."""
    with translate_errors(f"reading the statistics of {index}"):
        found = client.indices.stats(index=index, metric="indexing").body
    # Nothing is said of an index that was just made, until its shards have started.
    return int(found["_all"]["primaries"].get("indexing", {}).get("index_total", 0))


def count_by_index(client: Elasticsearch, names: list[str]) -> dict[str, int]:
    """Return the number of searchable documents of each index that is there, in one request."""
    if not names:
        return {}
    with translate_errors("counting documents"):
        found = client.search(
            index=names,
            size=0,
            aggs={"by": {"terms": {"field": "_index", "size": len(names)}}},
            ignore_unavailable=True,
        )
    counted = {bucket["key"]: int(bucket["doc_count"]) for bucket in found["aggregations"]["by"]["buckets"]}
    return {name: counted.get(name, 0) for name in names}


def count_matches(client: Elasticsearch, index: str, query: dict[str, Any]) -> int:
    """Return how many documents a query finds; GenerationError when Elasticsearch does not take it."""
    with translate_errors(f"running a query on {index}"):
        return int(client.count(index=index, query=query).body["count"])


def refresh_index(client: Elasticsearch, index: str) -> None:
    """Make everything that was written searchable."""
    with translate_errors(f"refreshing {index}"):
        client.indices.refresh(index=index)


def apply_settings(client: Elasticsearch, index: str, settings: dict[str, Any]) -> None:
    """Change settings of an index; None takes one back to its default."""
    with translate_errors(f"changing settings of {index}"):
        client.indices.put_settings(index=index, settings=settings)
