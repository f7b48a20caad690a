"""Generations: which there are, making one, and the plan that compares the live one with files and database.

`generation` makes, finds and reads them; `plan` decides by `core.generations.plan` what a change of files or tables
means, and makes what needs no other index; `scratch` gives an index for an attempt. Which generation is live changes in
`reindex`, and what feeds it is the `stream`.
"""

from pg2es.services.generations.generation import (
    Generation,
    begin_build,
    create_generation,
    document_columns,
    finish_build,
    list_generations,
    live_generation,
    note_histories,
    note_verified,
    read_generation,
    read_recipe,
    require_live_generation,
    wait_until_green,
)
from pg2es.services.generations.plan import apply_in_place, check_unchanged, make_plan
from pg2es.services.generations.scratch import scratch_index

__all__ = [
    "Generation",
    "apply_in_place",
    "begin_build",
    "check_unchanged",
    "create_generation",
    "document_columns",
    "finish_build",
    "list_generations",
    "live_generation",
    "make_plan",
    "note_histories",
    "note_verified",
    "read_generation",
    "read_recipe",
    "require_live_generation",
    "scratch_index",
    "wait_until_green",
]
