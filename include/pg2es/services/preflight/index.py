"""The mapping: Elasticsearch accepts it, and it fits the documents."""

import uuid
from collections.abc import Iterator

import orjson

from pg2es.adapters.elasticsearch import BulkOutcome, Client, send_bulk, translate_errors
from pg2es.core.errors import GenerationError
from pg2es.core.findings import Finding, error, info
from pg2es.core.generation import Meta, index_body
from pg2es.core.pipeline import Pipeline
from pg2es.services.preflight.document import Checked
from pg2es.services.preflight.places import pipeline_file

SHOWN = 3
"""Rejected documents that are shown."""


def check(client: Client, pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    """Give the findings about the mapping, from an index that is made for it and removed."""
    yield from _check_columns(pipeline, document)
    place = pipeline_file(pipeline, "mapping")
    index = f"{pipeline.alias}-preflight-{uuid.uuid4().hex[:12]}"
    try:
        with translate_errors(f"the mapping of {pipeline.name}"):
            client.indices.create(index=index, **index_body(pipeline, _meta(pipeline)))
    except GenerationError as problem:
        yield error(place, str(problem), f"Correct mappings/{pipeline.name}.json.")
        return
    try:
        yield from _judge(place, _write(client, index, document), len(document.samples))
    finally:
        with translate_errors(f"removing {index}"):
            client.indices.delete(index=index)


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
    return Meta(pipeline.name, pipeline.source, "preflight", epoch=0, system_identifier="0", timeline=0)
