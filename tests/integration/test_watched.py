"""What the preflight found in order is watched afterwards: migrations and administrators change it."""

import pytest

from pg2es.core.errors import PermanentError
from pg2es.core.generations import Verdict
from pg2es.core.monitoring import Kind, judge
from pg2es.services import preflight, recovery, reindex
from pg2es.services.monitoring import look
from pg2es.services.waiting import wait_for
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder

SETUP = (
    "CREATE TABLE public.notes (id bigint PRIMARY KEY, part bigint, body text)",
    "CREATE INDEX ON public.notes (part)",
    "ALTER TABLE public.notes REPLICA IDENTITY FULL",
    "INSERT INTO public.notes SELECT n, n, 'note ' || n FROM generate_series(1, 10) n",
)
DOCUMENT = """SELECT root.id, root.number,
  (SELECT string_agg(n.body, ', ' ORDER BY n.id) FROM public.notes n WHERE n.part = root.id) AS notes FROM root"""

HARMS = {
    "row-level security": (
        "ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "ALTER TABLE public.parts DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        "Row-level security hides rows from role pg2es",
    ),
    "a right that is revoked": (
        "REVOKE SELECT ON public.parts FROM pg2es",
        "GRANT SELECT ON public.parts TO pg2es",
        "Role pg2es may not read it.",
    ),
    "a right on one column": (
        "REVOKE SELECT ON public.notes FROM pg2es; GRANT SELECT (id, part) ON public.notes TO pg2es",
        "GRANT SELECT ON public.notes TO pg2es",
        "permission denied for table notes",
    ),
    "a right on the schema": (
        "ALTER SCHEMA public OWNER TO postgres; REVOKE USAGE ON SCHEMA public FROM PUBLIC, pg2es",
        "GRANT ALL ON SCHEMA public TO PUBLIC",
        "permission denied for schema public",
    ),
    "no replica identity": (
        "ALTER TABLE public.parts REPLICA IDENTITY NOTHING",
        "ALTER TABLE public.parts REPLICA IDENTITY DEFAULT",
        "UPDATE and DELETE would fail once it is published: it has no replica identity, because it is set to NOTHING",
    ),
    "a key that is deferrable": (
        "ALTER TABLE public.parts DROP CONSTRAINT parts_pkey, ADD CONSTRAINT parts_pkey PRIMARY KEY (id) DEFERRABLE",
        "ALTER TABLE public.parts DROP CONSTRAINT parts_pkey, ADD CONSTRAINT parts_pkey PRIMARY KEY (id)",
        "because its primary key is deferrable",
    ),
    "old rows without the way to the root": (
        "ALTER TABLE public.notes REPLICA IDENTITY DEFAULT",
        "ALTER TABLE public.notes REPLICA IDENTITY FULL",
        "but the way to the root needs part: a change of it would be missed",
    ),
    "a lookup by another type": (
        "ALTER TABLE public.notes ALTER part TYPE name USING part::text::name",
        "ALTER TABLE public.notes ALTER part TYPE bigint USING part::text::bigint",
        "operator does not exist: name = bigint",
    ),
    "rows that are not logged": (
        "ALTER PUBLICATION {publication} DROP TABLE public.notes; ALTER TABLE public.notes SET UNLOGGED",
        "ALTER TABLE public.notes SET LOGGED; ALTER PUBLICATION {publication} ADD TABLE public.notes",
        "It is unlogged or temporary",
    ),
    "a column filter": (
        "ALTER PUBLICATION {publication} SET TABLE public.parts, public.notes WHERE (id > 5)",
        "ALTER PUBLICATION {publication} SET TABLE public.parts, public.notes",
        "leaves out rows or columns of public.notes",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def streamed(module_folder: tuple[ProjectFolder, Database]) -> Streamed:
    folder, database = module_folder
    database.execute(*SETUP)
    related = [{"table": "public.notes", "root_key": "part"}]
    return Streamed(folder, database, document=DOCUMENT, related=related)


def run(streamed: Streamed, statements: str) -> None:
    streamed.database.execute_as_superuser(statements.format(publication=streamed.source.publication))


@pytest.mark.parametrize("name", HARMS)
def test_what_was_in_order_is_so_no_more(streamed: Streamed, name: str) -> None:
    harm, mend, words = HARMS[name]
    clients, pipeline = streamed.clients, streamed.pipeline
    run(streamed, harm)
    try:
        with clients.session_of(pipeline) as session:
            assert words in " ".join(map(str, preflight.watch(session, streamed.source, pipeline)))
        if "publication" not in harm:
            check_refusals(streamed, words)
    finally:
        run(streamed, mend)
    with clients.session_of(pipeline) as session:
        assert preflight.watch(session, streamed.source, pipeline) == []


def check_refusals(streamed: Streamed, words: str) -> None:
    clients, pipeline = streamed.clients, streamed.pipeline
    found = preflight.plan(clients, pipeline)
    assert (found.index, found.verdict) == (streamed.live.index, Verdict.BROKEN)
    assert words in str(found)
    generations = oracle.read_documents(pipeline.alias)
    for job in (run_backfill, reindex.create):
        with pytest.raises(PermanentError) as refused:
            job(clients, pipeline)
        assert words in str(refused.value)
    with pytest.raises(PermanentError) as refused:
        recovery.stop_streams(clients, streamed.source)
    assert words in str(refused.value)
    assert oracle.read_documents(pipeline.alias) == generations
    assert streamed.live.meta.gap is None


def test_the_monitor_says_it_until_it_is_mended(streamed: Streamed) -> None:
    """One pipeline is broken: its breach is shown, the others and the servers are looked at as ever."""
    clients = streamed.clients
    run(streamed, "ALTER PUBLICATION {publication} DROP TABLE public.notes")
    run(streamed, "REVOKE SELECT ON public.parts FROM pg2es")
    try:
        status = look(clients)
        [breach] = [found for found in judge(clients.project, status) if found.kind is Kind.BROKEN]
        assert breach.about == "parts"
        assert "table public.parts: Role pg2es may not read it." in breach.sentence
        assert "is no longer as the stream needs it, so changes are missed: it lacks public.notes." in breach.sentence
        assert status.sources[0].lag
        assert status.sources[0].lag.reached
    finally:
        run(streamed, "GRANT SELECT ON public.parts TO pg2es")
    run_backfill(clients, streamed.pipeline)  # publishes it again
    wait_for(
        lambda: not judge(clients.project, look(clients)),
        timeout_s=60,
        on_timeout=lambda: AssertionError(str(judge(clients.project, look(clients)))),
    )
    streamed.database.execute("UPDATE public.notes SET body = 'changed' WHERE id = 3")
    streamed.check_equal()
