"""Scratch indices: empty ones that show what Elasticsearch accepts, gone at once."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pg2es.adapters.elasticsearch import Client, indices
from pg2es.core.generations import Meta, index_body, scratch_name


@contextmanager
def scratch_index(client: Client, alias: str, meta: Meta) -> Iterator[str]:
    """Give an index with the settings and mappings of a generation; GenerationError when Elasticsearch refuses them."""
    index = scratch_name(alias, uuid.uuid4().hex[:12])
    indices.create_index(client, index, index_body(meta))
    try:
        yield index
    finally:
        indices.remove_index(client, index)
