"""The mapping: Elasticsearch accepts it, and it fits the documents."""

from collections.abc import Iterator

import orjson

from pg2es.adapters.elasticsearch import BulkOutcome, Client, send_bulk
from pg2es.core.batches import in_batches
from pg2es.core.config import Pipeline
from pg2es.core.errors import GenerationError
from pg2es.core.generations import Meta, Recipe
from pg2es.core.preflight import Finding, error, info
from pg2es.core.refresh import find_id_problem
from pg2es.services.generations import scratch_index
from pg2es.services.preflight.document import Checked
from pg2es.services.preflight.places import pipeline_file

SHOWN = 3
"""Rejected documents that are shown."""

_OTHER_VALUE = "Change the field's type, add ignore_malformed to it, or convert the value in the document SQL."
_KEYS_TWICE = "Select the json column as jsonb (`root.x::jsonb AS x`), which keeps the last of keys that come twice."


def check(client: Client, pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    """Give the findings about the mapping, from an index that is made for it and removed."""
    yield from _check_columns(pipeline, document)
    place = pipeline_file(pipeline, "mapping")
    try:
        with scratch_index(client, pipeline.alias, _meta(pipeline)) as index:
            yield from _check_ids(pipeline, document)
            yield from _check_names(client, index, pipeline, document)
            yield from _judge(place, _write(client, index, document), len(document.samples))
    except GenerationError as problem:
        yield error(place, str(problem), f"Correct mappings/{pipeline.name}.json.")


def _check_columns(pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    unknown, dynamic = _find_unmapped(pipeline, document), _dynamic(pipeline)
    place = pipeline_file(pipeline, "mapping")
    if unknown and dynamic == "strict":
        yield error(
            place,
            f"It is strict and has no {', '.join(unknown)}: Elasticsearch would reject every document with them.",
            "Add them to the mapping, or leave them out of the document SQL.",
        )
    elif unknown and dynamic == "false":
        yield info(place, f"It has no {', '.join(unknown)}: stored in the document, but not searchable.")


def _find_unmapped(pipeline: Pipeline, document: Checked) -> list[str]:
    """Return the columns of the document that the mapping does not name."""
    properties = pipeline.mapping.get("mappings", {}).get("properties", {})
    return [name for name in document.columns if name not in properties]


def _dynamic(pipeline: Pipeline) -> str:
    return str(pipeline.mapping.get("mappings", {}).get("dynamic", True)).lower()


def _check_ids(pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    problems = [problem for identifier, _ in document.samples if (problem := find_id_problem(identifier))]
    if problems:
        yield error(
            pipeline_file(pipeline, "key"),
            f"Elasticsearch cannot hold {len(problems)} of {len(document.samples)} documents that were tried: "
            f"{problems[0].reason}.",
            "Name another unique NOT NULL key (`key`), such as a number.",
        )


def _check_names(client: Client, index: str, pipeline: Pipeline, document: Checked) -> Iterator[Finding]:
    """No document may have a field such as `_id` or ` `. Elasticsearch is asked, as the table may be empty still."""
    unmapped = _find_unmapped(pipeline, document)
    if _dynamic(pipeline) == "strict" or not unmapped:
        return
    line = orjson.dumps({"index": {}}) + b"\n" + orjson.dumps(dict.fromkeys(unmapped)) + b"\n"
    for rejection in send_bulk(client, index, line, 1).rejected:
        yield error(
            pipeline_file(pipeline, "document"),
            f"Elasticsearch takes no document with a field of this name: {rejection.reason}",
            "Rename the column with AS, or leave it out.",
        )


def _write(client: Client, index: str, document: Checked) -> BulkOutcome:
    """Write the samples in small requests, so that none is too large."""
    outcome = BulkOutcome()
    for part in in_batches([sample for sample in document.samples if not find_id_problem(sample[0])], 50):
        body = b"".join(orjson.dumps({"index": {"_id": i}}) + b"\n" + s.encode() + b"\n" for i, s in part)
        outcome.add(send_bulk(client, index, body, len(part)))
    return outcome


def _judge(place: str, outcome: BulkOutcome, tried: int) -> Iterator[Finding]:
    for rejection in outcome.rejected[:SHOWN]:
        yield error(
            place,
            f"Elasticsearch rejects {rejection} ({len(outcome.rejected)} of {tried} documents that were tried).",
            _KEYS_TWICE if "Duplicate field" in rejection.reason else _OTHER_VALUE,
        )


def _meta(pipeline: Pipeline) -> Meta:
    recipe = Recipe(table=pipeline.table, key=(), document="", columns=(), mapping=pipeline.mapping)
    return Meta(
        pipeline=pipeline.name, source=pipeline.source, recipe=recipe, epoch=0, system_identifier="0", timeline=0
    )
