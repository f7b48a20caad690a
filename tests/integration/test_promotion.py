"""A standby is promoted: commits are lost, LSNs repeat, and the indices become right again (rule 13)."""

import os
from collections.abc import Iterator

import pytest

from pg2es.core.errors import IdentityMismatch
from pg2es.core.generations import Identity
from pg2es.core.monitoring import Kind
from pg2es.services import recovery
from pg2es.services.backfill import close_gap
from pg2es.services.drift import make_equal
from pg2es.services.recovery import mend
from tests.integration.batch import check_equal
from tests.integration.postgres_pair import Pair, postgres_pair
from tests.integration.streamed import ROWS, Streamed
from tests.support import Database, ProjectFolder, connect


@pytest.fixture(autouse=True, params=[True, False], ids=["with the slot", "without the slot"])
def pair(request: pytest.FixtureRequest, stack_environment: dict[str, str]) -> Iterator[Pair]:
    """A primary and its standby; everything in this module is about them instead of the stack's PostgreSQL."""
    assert stack_environment
    with postgres_pair(synchronized=request.param) as pair:
        yield pair


@pytest.fixture
def streamed(pair: Pair, streamed_folder: ProjectFolder, database: Database) -> Streamed:
    assert os.environ["PG2ES_POSTGRES_PORT"] == str(pair.proxy.port)
    return Streamed(streamed_folder, database)


def test_a_promoted_standby_is_adopted(pair: Pair, streamed: Streamed, request: pytest.FixtureRequest) -> None:
    has_slot = request.node.callspec.params["pair"]
    clients, source, pipeline = streamed.clients, streamed.source, streamed.pipeline
    if has_slot:
        pair.wait_until_slots_are_synchronized(source.slot)
    before = streamed.live.meta
    pair.cut()
    # Acknowledged, searchable, and lost: the new primary never had them.
    streamed.database.execute(
        "UPDATE public.parts SET number = 'lost' WHERE id <= 5",
        "DELETE FROM public.parts WHERE id = 6",
        "INSERT INTO public.parts VALUES (1000, 'lost')",
    )
    check_equal(clients, pipeline, ROWS)

    pair.promote()
    streamed.database.execute(
        "UPDATE public.parts SET number = 'new' WHERE id = 7", "INSERT INTO public.parts VALUES (2000, 'new')"
    )
    found = mend(clients, source, {}, 0)
    assert found.timeline == before.timeline + 1
    assert f"The DAG recover_{source.name} adopts it" in str(found)
    # Connectors may run as if nothing had happened: PostgreSQL skips over what its old timeline had, in silence.
    assert "which adopts it" in streamed.breaches()[Kind.BROKEN].sentence

    assert recovery.recover_source(clients, source) == (["parts"], True)
    assert close_gap(clients, pipeline)
    make_equal(clients, pipeline)
    check_equal(clients, pipeline, ROWS + 1)
    adopted = streamed.live.meta
    assert (adopted.epoch, adopted.identity) == (
        before.epoch + 1,
        Identity(before.system_identifier, before.timeline + 1),
    )
    assert pair.standby.ask(f"SELECT synced FROM pg_replication_slots WHERE slot_name = '{source.slot}'") is has_slot

    streamed.change("after it")
    streamed.check_equal(ROWS + 1)
    assert mend(clients, source, {}, 0).timeline is None
    assert streamed.breaches() == {}

    pair.primary.start()
    pair.proxy.lead_to(pair.primary.port)
    with pytest.raises(IdentityMismatch, match="an old primary, which a promoted standby has replaced"):
        recovery.recover_source(clients, source)
    assert "an old primary" in str(mend(clients, source, {}, 0))
    assert streamed.live.meta == adopted
    pair.primary.kill()
    pair.proxy.lead_to(pair.standby.port)
    with connect(streamed.database.name) as session:  # before the stream is taken away
        session.execute("SELECT 1")
