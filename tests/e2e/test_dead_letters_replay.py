"""Poison documents among good ones, on the real scheduler: what is refused waits, and a replay empties the queue."""

import pytest

from pg2es.core.errors import AirflowError
from pg2es.services import dead_letters as replay
from pg2es.services.waiting import wait_for
from tests.e2e.ground import TIMEOUT_S, Ground

GOOD = 50
MAPPING = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"dynamic": False, "properties": {"id": {"type": "keyword"}, "weight": {"type": "integer"}}},
}


def test_poison_among_good_documents(ground: Ground) -> None:
    source, name = ground.folder.source, f"{ground.folder.source}-parcels"
    ground.database.execute("CREATE TABLE public.parcels (id text PRIMARY KEY, weight text, body text)")
    ground.add_pipeline(name, "public.parcels", mapping=MAPPING, max_document_bytes=2048)
    ground.read_dags(name)
    for dag_id in (f"dead_letters_{source}", f"replay_{source}"):
        ground.airflow.wait_until_parsed(dag_id)
    ground.run(f"backfill_{name}")
    first = ground.live(name).index

    ground.database.execute(
        f"INSERT INTO public.parcels SELECT 'good ' || n, n FROM generate_series(1, {GOOD}) n",
        "INSERT INTO public.parcels VALUES ('heavy', 'a ton'), ('heavier', 'two tons')",
        "INSERT INTO public.parcels VALUES (repeat('x', 600), '1', NULL), ('large', '1', repeat('y', 3000))",
        f"INSERT INTO public.parcels SELECT 'better ' || n, n FROM generate_series(1, {GOOD}) n",
    )
    expected = {"document_parsing_exception/weight": 2, "id_too_long": 1, "document_too_large": 1}
    wait_for(
        lambda: _groups(ground) == {f"{first}/{group}": count for group, count in expected.items()},
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"dead letters: {_groups(ground)}"),
    )
    wait_for(
        lambda: ground.count(name, match_all={}) == 2 * GOOD,
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError("good documents are missing"),
    )
    shown = ground.note_of(ground.run(f"dead_letters_{source}"))
    assert all(f"{first}/{group}" in shown for group in expected)
    with pytest.raises(AirflowError, match=r"4 dead letters of .* stay"):
        ground.run(f"replay_{source}")

    ground.change_mapping(name, weight={"type": "keyword"})
    ground.change_pipeline(name, max_document_bytes=10_000)
    ground.database.execute("UPDATE public.parcels SET id = 'short' WHERE length(id) = 600")
    ground.reindex(name)
    assert ground.live(name).index > first
    run = ground.run(f"replay_{source}")
    assert "4 resolved" in ground.note_of(run)
    assert _groups(ground) == {}
    assert ground.count(name, match_all={}) == 2 * GOOD + 4
    ground.check_equal(name)
    ground.remove_pipeline(name)


def _groups(ground: Ground) -> dict[str, int]:
    found = replay.list_groups(ground.clients, ground.folder.source_model())
    return {group.name: group.count for group in found}
