"""Generations: names, recipe and `_meta` of an index, and what decides whether another one is needed.

`generation` has what an index remembers about itself; `plan` compares the recipe of the live generation with the one
that files and database ask for now, field by field: nothing to do, in place, reindex needed, broken. Every rule about a
mapping change stands there.
"""

from pg2es.core.generations.generation import (
    Descent,
    Identity,
    Meta,
    Recipe,
    generation_name,
    generation_number,
    generation_of_sink,
    index_body,
    is_scratch_of,
    is_sink_of,
    parse_seconds,
    scratch_name,
    sink_connector,
)
from pg2es.core.generations.plan import Difference, IndexChange, Plan, Verdict, compare_recipes, index_changes

__all__ = [
    "Descent",
    "Difference",
    "Identity",
    "IndexChange",
    "Meta",
    "Plan",
    "Recipe",
    "Verdict",
    "compare_recipes",
    "generation_name",
    "generation_number",
    "generation_of_sink",
    "index_body",
    "index_changes",
    "is_scratch_of",
    "is_sink_of",
    "parse_seconds",
    "scratch_name",
    "sink_connector",
]
