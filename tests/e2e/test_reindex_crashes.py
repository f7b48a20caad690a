"""A reindex whose task is killed at each step ends verified, and what searches see is never wrong in between."""

from collections.abc import Collection

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.generations import sink_connector
from tests.e2e.ground import Ground
from tests.e2e.task_processes import Step, asks, has_done, kill_task
from tests.e2e.watchers import AliasWatcher

TIMEOUT_S = 120
FEW = ("create_generation", "copy_chunk", "swap")
"""Steps that leave the most behind: an index, documents, an alias that points elsewhere."""


def test_a_task_killed_at_few_steps(ground: Ground) -> None:
    check_kills(ground, FEW)


@pytest.mark.long
def test_a_task_killed_at_each_step(ground: Ground) -> None:
    check_kills(ground, None)


def check_kills(ground: Ground, chosen: Collection[str] | None) -> None:
    """Kill the task of each chosen step, or of all, in one run."""
    old = ground.live(ground.notes).index
    new = f"{ground.notes}-{int(old[-6:]) + 1:06d}"
    clients = ground.clients
    steps = {
        task_id: step for task_id, step in make_steps(ground, old, new).items() if chosen is None or task_id in chosen
    }
    with ground.under_fire(), AliasWatcher(ground.notes) as watcher:
        run = ground.airflow.trigger(f"reindex_{ground.notes}", {"force": True, "chunks": 2, "keep_old_for": 0})
        for task_id, step in steps.items():
            kill_task(ground.airflow, run, task_id, step, TIMEOUT_S)
        ground.airflow.wait([run], TIMEOUT_S)
    watcher.check()

    attempts = ground.attempts(run)
    assert {task_id for task_id in steps if attempts[task_id] > 1} == set(steps)
    assert watcher.seen == [old, new]
    assert ground.generations(ground.notes) == [new]
    assert ground.sinks(ground.notes) == [sink_connector(new)]
    assert clients.connect.config(sink_connector(old)) is None


def make_steps(ground: Ground, old: str, new: str) -> dict[str, Step]:
    """Return when to kill each task of a reindex, in the order of the tasks."""
    clients = ground.clients
    postgres, elasticsearch = ground.ports["postgres"], ground.ports["elasticsearch"]
    return {
        "plan": asks(postgres),
        "create_generation": has_done(lambda: clients.elasticsearch.indices.exists(index=new).body),
        "start_stream": has_done(lambda: clients.connect.config(sink_connector(new)) is not None),
        "plan_chunks": asks(postgres),
        "copy_chunk": asks(postgres),
        "finish_build": asks(postgres),
        "verify": asks(postgres),
        "smoke": asks(elasticsearch),
        "swap": has_done(lambda: indices.live_generation(clients.elasticsearch, ground.notes) == new),
        "retire": has_done(lambda: clients.connect.config(sink_connector(old)) is None),
    }
