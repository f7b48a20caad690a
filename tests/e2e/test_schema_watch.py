"""Migrations while rows change and somebody searches: the schema watch does what is needed, or says what is."""

import pytest

from pg2es.core.errors import AirflowError
from pg2es.core.generations import Verdict
from tests.e2e.ground import Ground
from tests.e2e.watchers import AliasWatcher
from tests.e2e.writers import STABLE


@pytest.fixture(scope="module")
def ground(own_ground: Ground) -> Ground:
    """One whose tables the tests change."""
    return own_ground


def test_a_column_is_added(ground: Ground) -> None:
    backfill = f"backfill_{ground.notes}"
    known = ground.list_runs(backfill)
    live = ground.live(ground.notes).index
    with ground.under_fire(), AliasWatcher(ground.notes) as watcher:
        ground.database.execute("ALTER TABLE public.notes ADD COLUMN color text NOT NULL DEFAULT 'red'")
        ground.change_mapping(ground.notes, color={"type": "keyword"})
        ground.change_document(ground.notes, "root.amount", "root.amount, root.color")
        assert ground.plan(ground.notes).verdict is Verdict.IN_PLACE
        _watch(ground)
        ground.wait_for_new_run(backfill, known)
    watcher.check()
    assert ground.live(ground.notes).index == live
    assert ground.count(ground.notes, term={"color": "red"}) == ground.count(ground.notes, match_all={}) > STABLE
    assert ground.plan(ground.notes).verdict is Verdict.NOTHING


def test_a_column_that_the_document_sql_uses_is_dropped(ground: Ground) -> None:
    backfill = f"backfill_{ground.notes}"
    known = ground.list_runs(backfill)
    with ground.under_fire() as (writers, searcher), AliasWatcher(ground.notes) as watcher:
        ground.database.execute("ALTER TABLE public.notes DROP COLUMN body")
        with pytest.raises(AirflowError, match=r"column root\.body does not exist"):
            _watch(ground)
        ground.change_document(ground.notes, ", root.body", "")
        assert ground.plan(ground.notes).verdict is Verdict.IN_PLACE
        _watch(ground)
        ground.wait_for_new_run(backfill, known)
        searcher.wait_until_found(writers.kept)
    watcher.check()
    assert ground.count(ground.notes, exists={"field": "body"}) == 0


def test_a_column_gets_another_type(ground: Ground) -> None:
    reindex = f"reindex_{ground.notes}"
    old = ground.live(ground.notes).index
    with ground.under_fire(), AliasWatcher(ground.notes) as watcher:
        ground.database.execute("ALTER TABLE public.notes ALTER COLUMN amount TYPE bigint")
        ground.change_mapping(ground.notes, amount={"type": "long"})
        assert ground.plan(ground.notes).verdict is Verdict.REINDEX
        _watch(ground)
        assert ground.list_runs(reindex) == {}, "it only reports"

        ground.change_pipeline(ground.notes, on_schema_change="reindex", reindex={"keep_old_h": 0})
        ground.read_dags()
        ground.wait_for_param(reindex, "keep_old_for", lambda param: param["value"] == 0)
        _watch(ground)
        ground.wait_for_new_run(reindex, ())
    watcher.check()
    new = ground.live(ground.notes).index
    assert watcher.seen == [old, new]
    assert ground.generations(ground.notes) == [new], "nothing was to be kept"
    assert ground.sinks(ground.notes) == [f"pg2es-sink-{new}"]

    ground.database.execute(
        "INSERT INTO public.notes (id, code, kind, title, author_id, amount) "
        "VALUES (0, 'large', 'brief', 'x', 1, 5000000000)"
    )
    ground.check_equal(ground.notes)
    assert [note["id"] for note in ground.search(ground.notes, term={"amount": 5_000_000_000})] == [0]


def _watch(ground: Ground) -> None:
    ground.run("schema_watch", {"pipelines": [ground.notes]})
