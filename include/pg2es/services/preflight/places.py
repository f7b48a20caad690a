"""How findings name places: the file and key that a user edits, or the table."""

from pg2es.core.config import Pipeline, Related, Source


def pipeline_file(pipeline: Pipeline, key: str = "") -> str:
    """Return `pipelines/orders.yaml`, with the key in it."""
    return f"pipelines/{pipeline.name}.yaml" + (f": {key}" if key else "")


def related_entry(pipeline: Pipeline, related: Related) -> str:
    """Return the place of a related table in its pipeline file, with its name."""
    return pipeline_file(pipeline, f"related.{pipeline.related.index(related)} ({related.table})")


def source_file(source: Source) -> str:
    """Return `sources/shop.yaml`."""
    return f"sources/{source.name}.yaml"


def table(name: str) -> str:
    """Return `table public.orders`."""
    return f"table {name}"
