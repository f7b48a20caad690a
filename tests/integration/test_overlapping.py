"""Several bulk requests are on their way at once, and any of them fails, gets lost or comes late: in the end documents
equal rows."""

from random import Random

import pytest

from tests.integration.faulty_proxy import FATES, faulty_proxy
from tests.integration.sink_harness import SinkHarness, order

ROOTS = 60
STEPS = 150


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_any_of_several_flights_fails(sink: SinkHarness, seed: int) -> None:
    random = Random(seed)
    with faulty_proxy(seed) as proxy:
        hurry = {"retry.initial.ms": "1", "retry.max.ms": "20"}
        small = {"batch.roots": "3", "bulk.flights": "4", "consumer.override.max.poll.records": "40"}
        sink.deploy({"elasticsearch.urls": proxy.url, **small, **hurry})
        rows: dict[int, str] = {}
        for step in range(STEPS):
            change(sink, random, rows, step)
        sink.wait_until_committed(sink.folder.source_model().topic_of("public.orders"))
    assert proxy.most_at_once > 2
    assert proxy.fates == FATES.keys()
    for root in range(ROOTS):
        assert sink.document(root) == (order(root, note=rows[root]) if root in rows else None)
    sink.wait_until_running()


def change(sink: SinkHarness, random: Random, rows: dict[int, str], step: int) -> None:
    """Change some rows in one transaction, and publish their events."""
    changed = {root: None if random.random() < 0.3 else f"{step}" for root in random.sample(range(ROOTS), 5)}
    statements = [
        f"DELETE FROM public.orders WHERE id = {root}"
        if note is None
        else f"INSERT INTO public.orders VALUES ({root}, NULL, '{note}') ON CONFLICT (id) DO UPDATE SET note = '{note}'"
        for root, note in changed.items()
    ]
    transaction = sink.commit(*statements)
    for root, note in changed.items():
        rows.pop(root, None)
        if note is None:
            sink.publish("orders", before={"id": root}, transaction=transaction)
        else:
            rows[root] = note
            sink.publish("orders", after={"id": root}, transaction=transaction)
