"""Backfills of tables of all kinds, on the real servers and beside a real stream."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.errors import DocumentsRejected, TableRewritten
from pg2es.core.sql import protocol
from pg2es.services import backfill
from pg2es.services.generations import read_generation, require_live_generation
from pg2es.services.stream import pass_barrier
from pg2es.services.waiting import wait_for
from tests.integration.batch import check_equal, copy_all, make_generation, run_backfill
from tests.support import Database, ProjectFolder, connect

AWKWARD_IDS = """\
INSERT INTO public.{table} (id) VALUES ('plain'), ('with space'), ('a/b?c#d&e=f'), ('"quoted"'), ('it''s'),
  (E'back\\\\slash'), (E'line\\nfeed'), ('_underscore'), ('家族 👨‍👩‍👧'), ('["looks", "like"]'), ('null'), (' '),
  ('{{}}'), ('1e3'), (repeat('x', 400)), (repeat('é', 200))"""

TABLES = {
    "by_uuid": (
        "CREATE TABLE public.by_uuid (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n integer, filler text)",
        "INSERT INTO public.by_uuid (n, filler) SELECT n, repeat('x', 1000) FROM generate_series(1, 500) n",
    ),
    "by_text": (
        "CREATE TABLE public.by_text (id text PRIMARY KEY, n integer DEFAULT 1)",
        AWKWARD_IDS.format(table="by_text"),
    ),
    "by_pair": (
        (
            "CREATE TABLE public.by_pair (id text, part numeric(6, 2) DEFAULT 1.5, at date DEFAULT '2024-02-29',"
            " n integer, PRIMARY KEY (part, id, at))"
        ),
        AWKWARD_IDS.format(table="by_pair"),
    ),
    "nothing": ("CREATE TABLE public.nothing (id bigint PRIMARY KEY, n integer)",),
    "parted": (
        (
            "CREATE TABLE public.parted (id bigint, n integer, region text, PRIMARY KEY (id, region))"
            " PARTITION BY LIST (region)"
        ),
        "CREATE TABLE public.parted_north PARTITION OF public.parted FOR VALUES IN ('north')",
        # Columns in another order, as after ATTACH, and a level below.
        (
            "CREATE TABLE public.parted_south (region text NOT NULL, n integer, id bigint NOT NULL)"
            " PARTITION BY RANGE (id)"
        ),
        "ALTER TABLE public.parted ATTACH PARTITION public.parted_south FOR VALUES IN ('south')",
        "CREATE TABLE public.parted_south_low PARTITION OF public.parted_south FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE public.parted_south_rest PARTITION OF public.parted_south DEFAULT",
        "CREATE TABLE public.parted_empty PARTITION OF public.parted FOR VALUES IN ('east')",
        "INSERT INTO public.parted SELECT n, n, (ARRAY['north', 'south'])[1 + n % 2] FROM generate_series(1, 300) n",
    ),
}
CHANGES = {
    "by_uuid": ("DELETE FROM public.by_uuid WHERE n <= 10", "UPDATE public.by_uuid SET n = -n WHERE n <= 20"),
    "by_text": ("UPDATE public.by_text SET n = 2", "DELETE FROM public.by_text WHERE id LIKE '%a%'"),
    "by_pair": ("UPDATE public.by_pair SET part = 3 WHERE id LIKE '%l%'", "DELETE FROM public.by_pair WHERE id = ' '"),
    "nothing": ("INSERT INTO public.nothing VALUES (1, 1)",),
    # A row that changes its partition is deleted here and inserted there.
    "parted": ("UPDATE public.parted SET region = 'east' WHERE n % 10 = 0", "DELETE FROM public.parted WHERE n < 9"),
}


@pytest.fixture(scope="module")
def folder(module_folder: tuple[ProjectFolder, Database]) -> ProjectFolder:
    """A project whose source captures all tables from its first deployment on."""
    project, database = module_folder
    for table, statements in TABLES.items():
        database.execute(*statements)
        project.add_pipeline(table.replace("_", "-"), f"public.{table}")
    database.execute(
        "CREATE TABLE public.refused (id bigint PRIMARY KEY, number text)",
        "INSERT INTO public.refused SELECT n, n FROM generate_series(1, 1000) n",
        "UPDATE public.refused SET number = 'none' WHERE id IN (50, 51)",
        "UPDATE public.refused SET number = repeat('7', 2000) WHERE id = 60",
    )
    mapping = {"mappings": {"dynamic": False, "properties": {"number": {"type": "long"}}}}
    project.add_pipeline("refused", "public.refused", mapping=mapping, max_document_bytes=1500)
    return project


@pytest.mark.parametrize("table", TABLES)
def test_a_table_comes_into_its_index_and_is_followed(folder: ProjectFolder, table: str) -> None:
    database, clients = Database(folder.source), folder.clients()
    pipeline = clients.project.pipeline(table.replace("_", "-"))
    rows = database.fetch(f"SELECT count(*) FROM public.{table}")[0][0]

    summary = run_backfill(clients, pipeline, count=4)
    backfill.check(summary)
    assert (summary.rows, summary.written, summary.conflicts) == (rows, rows, 0)
    assert summary.counts == backfill.Counts(documents=rows, expected=rows, settled=True)

    database.execute(*CHANGES[table])
    check_equal(clients, pipeline, database.fetch(f"SELECT count(*) FROM public.{table}")[0][0])


def test_a_row_that_comes_and_goes_while_they_are_counted_is_no_drift(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL has as many rows before and after, and Elasticsearch had one more in between."""
    database, clients = Database(folder.source), folder.clients()
    left = ["INSERT INTO public.by_uuid (n) VALUES (9001)", "DELETE FROM public.by_uuid WHERE n = 9001"]
    count_documents = indices.count_documents

    def insert_first(*arguments: Any) -> int:
        if len(left) == 2:
            database.execute(left.pop(0))
        return pass_barrier(*arguments)

    def delete_then(*arguments: Any) -> int:
        counted = count_documents(*arguments)
        if len(left) == 1:
            database.execute(left.pop(0))
        return counted

    monkeypatch.setattr("pg2es.services.backfill.completion.pass_barrier", insert_first)
    monkeypatch.setattr(indices, "count_documents", delete_then)
    summary = run_backfill(clients, clients.project.pipeline("by-uuid"))
    backfill.check(summary)
    assert left == []
    assert not summary.counts.settled


def test_refused_documents_are_named_and_all_others_are_written(folder: ProjectFolder) -> None:
    clients = folder.clients()
    pipeline = clients.project.pipeline("refused")
    summary = run_backfill(clients, pipeline)
    assert (summary.written, summary.rejected, summary.counts.documents) == (997, 3, 997)
    with pytest.raises(DocumentsRejected) as refused:
        backfill.check(summary)
    assert "3 documents of pipeline refused were rejected; all others are there. Correct the rows, the mapping" in str(
        refused.value
    )
    samples = " ".join(summary.samples)
    assert "document 50: document_parsing_exception" in samples
    assert "document 51: document_parsing_exception" in samples
    assert "document 60: document_too_large" in samples
    assert "the limit is max_document_bytes = 1,500" in samples


def test_a_second_backfill_sweeps_what_postgresql_lacks(folder: ProjectFolder) -> None:
    database, clients = Database(folder.source), folder.clients()
    pipeline = clients.project.pipeline("by-pair")
    if indices.live_generation(clients.elasticsearch, pipeline.alias) is None:
        run_backfill(clients, pipeline)
    index = require_live_generation(clients.elasticsearch, pipeline).index
    rows = database.fetch("SELECT count(*) FROM public.by_pair")[0][0]
    for number in range(3):
        # What a row leaves behind that goes away while nobody listens.
        clients.elasticsearch.index(
            index=index, id=f'["9.00", "gone {number}", "2024-01-01"]', document={}, version=1, version_type="external"
        )

    later = folder.source_model().refresh_later_topic("by-pair")
    scheduled = sum(kafka.end_offsets(clients.kafka, [later]).values())
    summary = run_backfill(clients, pipeline)
    backfill.check(summary)
    assert (summary.rows, summary.swept) == (rows, 3)
    assert sum(kafka.end_offsets(clients.kafka, [later]).values()) == scheduled + 1  # one page
    check_equal(clients, pipeline, rows)


@pytest.fixture
def numbers(project_folder: ProjectFolder, database: Database) -> Pipeline:
    """A table of 20,000 rows and its generation, without a stream."""
    database.execute(
        "CREATE TABLE public.numbers (id bigint PRIMARY KEY, filler text)",
        "INSERT INTO public.numbers SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n",
    )
    pipeline = project_folder.add_pipeline("numbers", "public.numbers")
    make_generation(project_folder.clients(), pipeline)
    return pipeline


def test_chunks_share_a_table_without_gap_or_overlap(project_folder: ProjectFolder, numbers: Pipeline) -> None:
    clients = project_folder.clients()
    results = copy_all(clients, numbers, count=7)
    assert len(results) >= 7
    assert all(result.rows for result in results)
    assert sum(result.written for result in results) == 20_000


def test_a_chunk_that_is_copied_again_changes_nothing(project_folder: ProjectFolder, numbers: Pipeline) -> None:
    clients = project_folder.clients()
    copy_all(clients, numbers)
    index = require_live_generation(clients.elasticsearch, numbers).index
    indices.refresh_index(clients.elasticsearch, index)
    before = clients.elasticsearch.get(index=index, id="1")["_source"]
    assert sum(result.written for result in copy_all(clients, numbers)) == 20_000  # with newer versions
    assert clients.elasticsearch.get(index=index, id="1")["_source"] == before
    indices.refresh_index(clients.elasticsearch, index)
    assert indices.count_documents(clients.elasticsearch, index) == 20_000


def test_rows_that_come_after_the_plan_are_in_the_last_chunk(
    project_folder: ProjectFolder, database: Database, numbers: Pipeline
) -> None:
    clients = project_folder.clients()
    chunks = backfill.plan(clients, numbers, 3)
    database.execute("INSERT INTO public.numbers SELECT n, 'late' FROM generate_series(20001, 60000) n")
    index = require_live_generation(clients.elasticsearch, numbers).index
    results = [backfill.copy_chunk(clients, numbers, index, chunk, lane=0) for chunk in chunks]
    assert sum(result.rows for result in results) == 60_000


@pytest.mark.parametrize("statement", ["VACUUM FULL public.numbers", "TRUNCATE public.numbers"])
def test_a_rewrite_between_plan_and_copy_is_noticed(
    project_folder: ProjectFolder, database: Database, numbers: Pipeline, statement: str
) -> None:
    clients = project_folder.clients()
    index = require_live_generation(clients.elasticsearch, numbers).index
    [chunk] = backfill.plan(clients, numbers, 1)
    database.execute(statement)
    with pytest.raises(TableRewritten, match=r"public\.numbers was rewritten .* Run it again: it plans anew"):
        backfill.copy_chunk(clients, numbers, index, chunk, lane=0)


def test_an_id_that_elasticsearch_cannot_take_is_named(project_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        "CREATE TABLE public.long_ids (id text PRIMARY KEY)",
        "INSERT INTO public.long_ids SELECT repeat('x', 500 + n) FROM generate_series(1, 20) n",
    )
    pipeline = project_folder.add_pipeline("long-ids", "public.long_ids")
    clients = project_folder.clients()
    make_generation(clients, pipeline)
    [result] = copy_all(clients, pipeline)
    assert (result.written, result.rejected) == (12, 8)
    assert "id_too_long: the document id has 513 bytes, Elasticsearch takes 512; choose another `key`" in " ".join(
        result.samples
    )


def test_a_rewrite_behind_a_finished_chunk_is_noticed(
    project_folder: ProjectFolder, database: Database, numbers: Pipeline
) -> None:
    clients = project_folder.clients()
    chunks = backfill.plan(clients, numbers, 2)
    prepared = backfill.Prepared(require_live_generation(clients.elasticsearch, numbers).index, was_empty=True)
    results = [backfill.copy_chunk(clients, numbers, prepared.index, chunk, lane=0).to_json() for chunk in chunks]
    database.execute("VACUUM FULL public.numbers")
    with pytest.raises(TableRewritten):
        backfill.finish(clients, numbers, prepared, chunks, results)


@pytest.mark.parametrize("later", [False, True])
def test_a_backfill_closes_no_later_gap(project_folder: ProjectFolder, numbers: Pipeline, later: bool) -> None:
    clients = project_folder.clients()
    live = require_live_generation(clients.elasticsearch, numbers)
    live.remember(clients.elasticsearch, gap=datetime(2026, 1, 1, tzinfo=UTC))
    prepared = backfill.prepare(clients, numbers)
    second = datetime(2026, 1, 2, tzinfo=UTC)
    if later:  # say, because topics were made anew while it ran
        live.remember(clients.elasticsearch, gap=second)
    backfill.finish(clients, numbers, prepared, backfill.plan(clients, numbers, 1), [])
    assert read_generation(clients.elasticsearch, live.index).meta.gap == (second if later else None)


def test_partitions_that_come_and_go_meanwhile(streamed_folder: ProjectFolder, database: Database) -> None:
    """What was in a partition when it was attached, and is in none any more, PostgreSQL tells nobody."""
    day = "CREATE TABLE public.daily_{0} PARTITION OF public.daily FOR VALUES IN ({0})"
    rows = "INSERT INTO public.{0} SELECT n + 100 * {1}, {1} FROM generate_series(1, 10) n"
    database.execute(
        "CREATE TABLE public.daily (id bigint, day integer, PRIMARY KEY (day, id)) PARTITION BY LIST (day)",
        *(statement for n in (1, 2, 3) for statement in (day.format(n), rows.format("daily", n))),
        "CREATE TABLE public.daily_4 (LIKE public.daily INCLUDING ALL)",
        rows.format("daily_4", 4),
    )
    pipeline = streamed_folder.add_pipeline("daily", "public.daily")
    clients = streamed_folder.clients()
    prepared = backfill.prepare(clients, pipeline)
    chunks = backfill.plan(clients, pipeline, None)
    results = [backfill.copy_chunk(clients, pipeline, prepared.index, chunks[0], lane=0)]
    database.execute(
        "DROP TABLE public.daily_1",  # copied
        "DROP TABLE public.daily_2",  # not copied yet
        "ALTER TABLE public.daily DETACH PARTITION public.daily_3",
        "ALTER TABLE public.daily ATTACH PARTITION public.daily_4 FOR VALUES IN (4)",
        day.format(5),
        rows.format("daily", 5),
    )
    results += [backfill.copy_chunk(clients, pipeline, prepared.index, chunk, lane=0) for chunk in chunks[1:]]
    assert backfill.is_outdated(clients, pipeline, prepared.index, chunks) is None
    summary = backfill.finish(clients, pipeline, prepared, chunks, [result.to_json() for result in results])
    backfill.check(summary)
    assert summary.swept == 20
    check_equal(clients, pipeline, 20)


def test_a_lane_has_one_chunk_at_a_time(project_folder: ProjectFolder, database: Database, numbers: Pipeline) -> None:
    clients = project_folder.clients()
    index = require_live_generation(clients.elasticsearch, numbers).index
    first, second = backfill.plan(clients, numbers, 2)[:2]
    source = clients.project.source_of(numbers)
    with clients.session(source) as holder, ThreadPoolExecutor() as pool:
        holder.execute(protocol.LANE_LOCK, [numbers.name, 0])
        waiting = pool.submit(backfill.copy_chunk, clients, numbers, index, first, 0)
        blocked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        wait_for(
            lambda: database.fetch(blocked),
            timeout_s=30,
            on_timeout=lambda: AssertionError("nobody waits for the lane"),
        )
        assert backfill.copy_chunk(clients, numbers, index, second, lane=1).rows > 0  # the other lane is free
        assert not waiting.done()
        holder.execute("SELECT pg_advisory_unlock_all()")
        assert waiting.result(60).rows > 0


def test_a_table_that_grows_while_it_is_read(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        "CREATE TABLE public.growing (id bigint PRIMARY KEY, n integer, filler text)",
        "INSERT INTO public.growing SELECT n, 0, repeat('x', 500) FROM generate_series(1, 20000) n",
    )
    pipeline = streamed_folder.add_pipeline("growing", "public.growing")
    clients = streamed_folder.clients()
    stop = Event()

    def grow() -> int:
        last = 20_000
        with connect(database.name) as session:
            while not stop.is_set():
                session.execute(
                    "INSERT INTO growing SELECT n, 1, repeat('y', 500) FROM generate_series(%s::int, %s::int) n",
                    [last + 1, last + 50],
                )
                session.execute("UPDATE growing SET n = n + 1 WHERE id %% 400 = %s", [last // 50 % 400])
                session.execute("DELETE FROM growing WHERE id %% 500 = %s", [last // 50 % 500])
                last += 50
                stop.wait(0.02)
        return last

    with ThreadPoolExecutor() as pool:
        growing = pool.submit(grow)
        try:
            summary = run_backfill(clients, pipeline, count=3)
        finally:
            stop.set()
        assert growing.result() > 20_000
    assert summary.rejected == 0
    check_equal(clients, pipeline, database.fetch("SELECT count(*) FROM growing")[0][0])
