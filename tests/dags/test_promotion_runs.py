"""A standby is promoted while nobody looks: the DAG connectors triggers the recovery, which makes everything right."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pg2es.services import recovery
from pg2es.services.generations import require_live_generation
from tests import oracle
from tests.dags.conftest import read_dags
from tests.integration.postgres_pair import Pair, postgres_pair
from tests.support import CHECKOUT, Database, ProjectFolder

if TYPE_CHECKING:
    from airflow.sdk import DAG

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("airflow_database")]


@pytest.fixture(autouse=True)
def pair(stack_environment: dict[str, str]) -> Iterator[Pair]:
    """A primary and its standby, which everything here is about."""
    assert stack_environment
    with postgres_pair(synchronized=True) as pair:
        yield pair


def states(dag: "DAG", **conf: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in dag.test(run_conf=conf).get_task_instances()}


def test_without_a_hand(pair: Pair, notes: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG2ES_CONFIG", str(notes.folder))
    dags = read_dags(CHECKOUT / "dags")
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    assert states(dags["connectors"], action="mend")["recover"] == "skipped"
    source = notes.source_model()
    pair.wait_until_slots_are_synchronized(source.slot)
    pair.cut()
    database.execute("UPDATE public.notes SET note = 'lost' WHERE id <= 50")
    pair.promote()
    database.execute("INSERT INTO public.notes VALUES (5000, 'new')")

    found = states(dags["connectors"], action="mend")
    assert (found["act"], found["plan_recoveries"], found["recover"]) == ("success", "success", "success")
    monkeypatch.setattr(recovery, "SETTLED_S", 0.5)
    recovered = dags[f"recover_{source.name}"].test()
    assert recovered.state == "success"
    again = [task for task in recovered.get_task_instances() if task.task_id == "compare_again"]
    assert [str(task.state) for task in again] == ["success"]
    clients = notes.clients()
    pipeline = clients.project.pipeline("notes")
    live = require_live_generation(clients.elasticsearch, pipeline)
    assert live.meta.epoch == 1
    oracle.check(clients, pipeline, live)
    assert states(dags["connectors"], action="mend")["recover"] == "skipped"

    # Nothing to adopt: the same recovery of a lost slot compares once.
    recovered = dags[f"recover_{source.name}"].test()
    assert recovered.state == "success"
    found = {task.task_id: str(task.state) for task in recovered.get_task_instances()}
    assert (found["settle"], found["compare_again"]) == ("success", "skipped")


def test_on_failover_stop_leaves_it_to_somebody(
    pair: Pair, notes: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG2ES_CONFIG", str(notes.folder))
    notes.change(f"sources/{notes.source}.yaml", on_failover="stop")
    dags = read_dags(CHECKOUT / "dags")
    assert dags["backfill_notes"].test(run_conf={"chunks": 2}).state == "success"
    pair.promote()
    found = states(dags["connectors"], action="mend")
    assert (found["act"], found["note"], found["recover"]) == ("failed", "upstream_failed", "skipped")
