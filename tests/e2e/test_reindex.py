"""Reindex and rollback on the real scheduler, while rows change and somebody searches all the time."""

from functools import partial
from typing import Any

import pytest

from demo.airflow import Airflow
from pg2es.adapters.airflow import Progress, Run, RunState
from pg2es.core.errors import AirflowError
from pg2es.core.generations import Verdict
from pg2es.services.waiting import wait_for
from tests.e2e.ground import AUTHORS_MAPPING, TIMEOUT_S, Ground
from tests.e2e.watchers import AliasWatcher, Searcher
from tests.e2e.writers import AUTHORS

LOWERCASE = {"normalizer": {"lowercase": {"type": "custom", "filter": ["lowercase"]}}}


@pytest.fixture(scope="module")
def ground(own_ground: Ground) -> Ground:
    """One whose tables the tests change."""
    return own_ground


def test_another_mapping_and_another_key_once_somebody_has_approved(ground: Ground) -> None:
    ground.database.execute("ALTER TABLE public.notes REPLICA IDENTITY FULL")  # events tell the old code as well
    roots = "SELECT n.code FROM public.notes n JOIN changed ON n.author_id = changed.id"
    ground.change_pipeline(ground.notes, key="code", related=[{"table": "public.authors", "roots_sql": roots}])
    ground.change_mapping(ground.notes, analysis=LOWERCASE, title={"type": "keyword", "normalizer": "lowercase"})
    plan = ground.plan(ground.notes)
    assert plan.verdict is Verdict.REINDEX
    assert "key: id → code" in str(plan)
    old = ground.live(ground.notes).index
    assert ground.search(ground.notes, term={"title": "title of 17"}) == []

    with ground.under_fire(), AliasWatcher(ground.notes) as watcher:
        params = {"approval": True, "chunks": 4, "verify": "bytes"}
        run = ground.airflow.trigger(f"reindex_{ground.notes}", params)
        _wait_for_question(ground.airflow, run)
        assert ground.live(ground.notes).index == old
        ground.airflow.wait([run], TIMEOUT_S, partial(_approve, ground.airflow))
    watcher.check()

    new = ground.live(ground.notes).index
    assert watcher.seen == [old, new]
    assert [note["id"] for note in ground.search(ground.notes, term={"title": "title of 17"})] == [17]
    assert ground.clients.elasticsearch.get(index=ground.notes, id="note-17")["_source"]["id"] == 17
    assert ground.plan(ground.notes).verdict is Verdict.NOTHING


def test_back_and_forth_with_changes_in_between(ground: Ground) -> None:
    if len(ground.generations(ground.notes)) < 2:
        ground.reindex(ground.notes, force=True)
    old, new = ground.generations(ground.notes)
    assert ground.live(ground.notes).index == new
    for live in (old, new):
        with ground.under_fire() as (writers, _), AliasWatcher(ground.notes) as watcher:
            ground.run(f"rollback_{ground.notes}")
            assert ground.live(ground.notes).index == live
        watcher.check()
        assert writers.changes > 0

    clients = ground.clients
    clients.connect.remove(f"pg2es-sink-{old}")
    with pytest.raises(AirflowError, match=f"cannot go back to {old}.*pg2es-sink-{old}"):
        ground.run(f"rollback_{ground.notes}")
    assert ground.live(ground.notes).index == new
    clients.elasticsearch.indices.delete(index=old)


def test_ddl_while_chunks_are_copied_makes_the_run_start_over(ground: Ground) -> None:
    dag_id = f"reindex_{ground.authors}"
    with ground.under_fire():
        with ground.held_lane(ground.authors, 1):
            first = ground.airflow.trigger(dag_id, {"force": True, "chunks": 2, "parallelism": 2})
            ground.wait_for_waiting_chunk()
            ground.database.execute("ALTER TABLE public.authors ADD COLUMN born integer DEFAULT 1900")
        second = ground.wait_for_new_run(dag_id, {first.run_id})
    assert ground.list_runs(dag_id) == {second.run_id: RunState.SUCCESS, first.run_id: RunState.FAILED}
    assert "born" in ground.note_of(first)
    ground.check_equal(ground.authors)
    assert ground.search(ground.authors, term={"id": 17})[0]["born"] == 1900


def test_an_index_that_has_the_name_of_the_alias(ground: Ground) -> None:
    name = f"{ground.folder.source}-taken"
    client = ground.clients.elasticsearch
    client.indices.create(index=name, **AUTHORS_MAPPING)
    documents: list[dict[str, Any]] = []
    for number in range(1, AUTHORS + 1):
        documents += [{"index": {}}, {"id": number, "name": "of old"}]
    client.bulk(index=name, operations=documents, refresh=True)
    ground.add_pipeline(name, "public.authors", mapping=AUTHORS_MAPPING)
    ground.read_dags(name)

    with Searcher(name, {"match_all": {}}, AUTHORS) as searcher, ground.under_fire():
        with pytest.raises(AirflowError, match=f"{name} is an index, not an alias.*take_over_index"):
            ground.reindex(name)
        assert ground.generations(name) == []
        assert ground.sinks(name) == []
        ground.reindex(name, take_over_index=True)
    # The old index goes in the moment of the swap: of a search that it was just answering, Elasticsearch says 503.
    cut_off = [found for found in searcher.findings if "ApiError(503, 'search_phase_execution_exception'" in found]
    assert searcher.looks > 0
    assert len(cut_off) <= 1
    assert searcher.findings == cut_off
    assert ground.live(name).index == f"{name}-000001"
    ground.check_equal(name)


def _hitl(run: Run) -> str:
    return f"{run.path}/taskInstances/approve/-1/hitlDetails"


def _wait_for_question(airflow: Airflow, run: Run) -> None:
    wait_for(
        lambda: _is_asked(airflow.progress(run)),
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"nobody is asked: {airflow.progress(run)}"),
    )


def _approve(airflow: Airflow, run: Run, progress: Progress) -> None:
    """Answer whenever Airflow asks.

    Airflow 3.3 asks again when it is answered before its scheduler has seen that the first part of the task is over: it
    takes the answered task for a lost one, and retries it.
    """
    if _is_asked(progress):
        airflow.call("PATCH", _hitl(run), json={"chosen_options": ["Approve"], "params_input": {}})


def _is_asked(progress: Progress) -> bool:
    return any(task.task_id == "approve" and task.state == "awaiting_input" for task in progress.tasks)
