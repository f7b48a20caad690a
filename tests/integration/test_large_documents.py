"""Documents of many MiB: no more of them is brought over at once than fits into a worker or a task."""

import pytest

from pg2es.services.refresh import refresher
from pg2es.services.waiting import wait_for
from tests import oracle
from tests.integration.batch import copy_all, make_generation
from tests.integration.sink_harness import SinkHarness
from tests.support import Database, ProjectFolder

LARGE = "repeat(md5(n::text), 200000)"  # 6.1 MiB


@pytest.mark.long
def test_a_worker_lives_with_more_documents_than_its_memory_holds(sink: SinkHarness) -> None:
    check_large_documents(sink, 90)  # together more than the heap of a worker


def test_more_documents_than_one_request_takes(sink: SinkHarness) -> None:
    check_large_documents(sink, 12)


def check_large_documents(sink: SinkHarness, count: int) -> None:
    """Stream so many large documents, and one over the limit of a document."""
    over = count + 1
    sink.commit(
        "ALTER TABLE public.orders ALTER note SET STORAGE MAIN",
        f"INSERT INTO public.orders SELECT n, NULL, {LARGE} FROM generate_series(1, {count}) n",
        f"INSERT INTO public.orders SELECT n, NULL, {LARGE} || {LARGE} FROM generate_series({over}, {over}) n",
    )
    for root in range(1, over + 1):
        sink.publish("orders", after={"id": root})
    sink.deploy()
    sink.wait_until_running()
    worker = sink.worker()
    wait_for(
        lambda: sink.count() == count, timeout_s=240, on_timeout=lambda: AssertionError(f"{sink.count()} documents")
    )
    [letter] = sink.dead_letters(1)
    assert f"document {over} was rejected" in letter.reason
    assert "document_too_large: it has 12800" in letter.reason
    sink.wait_until_running()
    assert sink.worker() == worker
    assert sink.metrics()["Retries"] == 0


def test_a_copy_takes_in_parts_what_is_too_much_at_once(
    project_folder: ProjectFolder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "SLICE_BYTES", 64 * 1024)
    monkeypatch.setattr(refresher, "SLICE_MOST_BYTES", 256 * 1024)
    database.execute(
        "CREATE TABLE public.notes (id text PRIMARY KEY, note text)",
        "INSERT INTO public.notes SELECT n, repeat(md5(n::text), 500) FROM generate_series(1, 300) n",
        "INSERT INTO public.notes VALUES ('large', repeat('x', 200000))",
    )
    pipeline = project_folder.add_pipeline("notes", "public.notes", max_document_bytes=100_000)
    clients = project_folder.clients()
    generation = make_generation(clients, pipeline)
    [result] = copy_all(clients, pipeline, count=1)
    assert (result.rows, result.written, result.rejected) == (301, 300, 1)
    assert result.samples == (
        "document large: document_too_large: 200,081 bytes, the limit is max_document_bytes = 100,000",
    )
    database.execute("DELETE FROM public.notes WHERE id = 'large'")
    oracle.check(clients, pipeline, generation)
