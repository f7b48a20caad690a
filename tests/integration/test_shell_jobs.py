"""The jobs at the shell: backfill, reindex, rollback and recovery without Airflow, on real servers."""

import io
import re

import pytest
from elasticsearch import Elasticsearch

from pg2es.adapters.elasticsearch import indices
from pg2es.services import stream
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from tests.integration.batch import check_equal
from tests.integration.conftest import Run
from tests.support import Database, ProjectFolder, connect

ROWS = 500


@pytest.fixture
def notes(streamed_folder: ProjectFolder, database: Database) -> Clients:
    """A pipeline over a table; nothing of it is deployed."""
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, note text)",
        f"INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, {ROWS}) n",
    )
    streamed_folder.add_pipeline("notes", "public.notes", reindex={"approval": True})
    return streamed_folder.clients()


def test_from_an_empty_cluster_to_a_recovered_source(
    notes: Clients, database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = notes.project.pipeline("notes")

    def live() -> str:
        return require_live_generation(notes.elasticsearch, pipeline).index

    status, out, err = run("backfill", "notes", "--chunks", "4")
    assert (status, err) == (0, "")
    assert re.search(rf"Backfill of notes into \S+-000001: {ROWS} rows in \d+ chunks", out)
    check_equal(notes, pipeline, ROWS)
    first = live()

    # Nothing has changed; when it is wanted nevertheless, somebody is asked before searches see it.
    assert run("reindex", "notes")[:2] == (
        0,
        f"No reindex is needed: notes ({first}): nothing to do. With --force it is done nevertheless.\n",
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    status, out, _ = run("reindex", "notes", "--force")
    assert status == 1
    assert f"Let {pipeline.alias} point to" in out
    assert live() == first
    status, out, err = run("reindex", "notes", "--force", "--yes", "--keep-old-for", "1")
    assert (status, err) == (0, "")
    second = live()
    assert second != first
    assert out.startswith(f"Alias {pipeline.alias} points to {second}. Verified: ")
    assert indices.list_indices(notes.elasticsearch, pipeline.alias) == [first, second], (
        "what was begun was gone on with"
    )

    database.execute("INSERT INTO public.notes VALUES (0, 'new')")
    status, out, err = run("rollback", "notes")
    assert (status, err) == (0, "")
    assert live() == first
    check_equal(notes, pipeline, ROWS + 1)
    status, _, err = run("rollback", "no-such-pipeline")
    assert status == 2
    assert "no-such-pipeline" in err

    source = notes.project.source_of(pipeline)
    stream.stop_connectors(notes, *stream.find_connectors(notes, source, None))
    with connect("postgres", superuser=True) as session:
        session.execute("SELECT pg_drop_replication_slot(%s)", [source.slot])
    database.execute("UPDATE public.notes SET note = 'while nobody looked' WHERE id = 7")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("recover", source.name)[0] == 1
    status, out, err = run("recover", source.name, "--yes")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["notes: compared, equal.", f"Source {source.name} streams again."]
    database.execute("DELETE FROM public.notes WHERE id = 8")
    check_equal(notes, pipeline, ROWS)


def test_what_fails_ends_the_command_with_one_sentence(notes: Clients, database: Database, run: Run) -> None:
    assert run("backfill", "notes")[0] == 0
    database.execute("DROP TABLE public.notes")
    status, out, err = run("backfill", "notes")
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert "public.notes" in err


def test_nothing_is_written_before_the_shards_have_started(elasticsearch: Elasticsearch, index_prefix: str) -> None:
    name = f"{index_prefix}made-just-now"
    nowhere = {"index.routing.allocation.require._name": "no node"}
    elasticsearch.indices.create(index=name, settings=nowhere, wait_for_active_shards=0)
    assert indices.count_written(elasticsearch, name) == 0
