"""The mapping: Elasticsearch accepts it, and it fits the documents."""

from collections.abc import Iterator

import orjson

from pg2es.adapters.elasticsearch import BulkOutcome, Client, send_bulk
from pg2es.core.config import Pipeline
from pg2es.core.errors import GenerationError
from pg2es.core.generations import Meta, Recipe
from pg2es.core.preflight import Finding, error, info
from pg2es.services.generations import scratch_index
from pg2es.services.preflight.document import Checked
from pg2es.services.preflight.places import pipeline_file

SHOWN = 3
"""Rejected documents that are shown."""


def check(client: Client, pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    """Give the findings about the mapping, from an index that is made for it and removed."""
    yield from _check_columns(pipeline, document)
    place = pipeline_file(pipeline, "mapping")
    try:
        with scratch_index(client, pipeline.alias, _meta(pipeline)) as index:
            yield from _judge(place, _write(client, index, document), len(document.samples))
    except GenerationError as problem:
        yield error(place, str(problem), f"Correct mappings/{pipeline.name}.json.")


def _check_columns(pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    mappings = pipeline.mapping.get("mappings", {})
    unknown = [name for name in document.columns if name not in mappings.get("properties", {})]
    place = pipeline_file(pipeline, "mapping")
    dynamic = str(mappings.get("dynamic", True)).lower()
    if unknown and dynamic == "strict":
        yield error(
            place,
            f"It is strict and has no {', '.join(unknown)}: Elasticsearch would reject every document with them.",
            "Add them to the mapping, or leave them out of the document SQL.",
        )
    elif unknown and dynamic == "false":
        yield info(place, f"It has no {', '.join(unknown)}: stored in the document, but not searchable.")


def _write(client: Client, index: str, document: Checked) -> BulkOutcome:
    """Write the samples in small requests, so that none is too large."""
    outcome = BulkOutcome()
    for start in range(0, len(document.samples), 50):
        part = document.samples[start : start + 50]
        body = b"".join(orjson.dumps({"index": {"_id": i}}) + b"\n" + s.encode() + b"\n" for i, s in part)
        outcome.add(send_bulk(client, index, body, len(part)))
    return outcome


def _judge(place: str, outcome: BulkOutcome, tried: int) -> Iterator[Finding]:
    for rejection in outcome.rejected[:SHOWN]:
        yield error(
            place,
            f"Elasticsearch rejects {rejection} ({len(outcome.rejected)} of {tried} documents that were tried).",
            "Change the field's type, add ignore_malformed to it, or convert the value in the document SQL.",
        )


def _meta(pipeline: Pipeline) -> Meta:
    recipe = Recipe(table=pipeline.table, key=(), document="", columns=(), mapping=pipeline.mapping)
    return Meta(
        pipeline=pipeline.name, source=pipeline.source, recipe=recipe, epoch=0, system_identifier="0", timeline=0
    )
