"""Rows that the role may not see any more are no deleted rows."""

import pytest

from pg2es.core.drift import Deep
from pg2es.core.errors import AccessDenied, GenerationError
from pg2es.core.monitoring import Kind
from pg2es.services.drift import reconcile
from tests import oracle
from tests.integration.batch import run_backfill
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder

WORDS = 'row-level security policy for table "parts"'
HIDE = (
    "ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "CREATE POLICY few ON public.parts USING (id <= 10)",
)
SHOW = ("DROP POLICY few ON public.parts", "ALTER TABLE public.parts NO FORCE ROW LEVEL SECURITY")


@pytest.fixture
def streamed(module_folder: tuple[ProjectFolder, Database]) -> Streamed:
    return Streamed(*module_folder)


def test_row_level_security_that_is_switched_on_later(streamed: Streamed) -> None:
    before = oracle.read_documents(streamed.pipeline.alias)
    streamed.database.execute_as_superuser(*HIDE, "UPDATE public.parts SET number = 'changed' WHERE id = 50")
    streamed.wait_until_failed(streamed.sink)
    assert WORDS in str(streamed.breaches()[Kind.CONNECTOR_FAILED].sentence)
    with pytest.raises(GenerationError, match="Row-level security hides rows from role"):
        run_backfill(streamed.clients, streamed.pipeline)
    with pytest.raises(AccessDenied, match=WORDS):
        reconcile(streamed.clients, streamed.pipeline, deep=Deep.ALL, repair=True, max_repair_fraction=1)
    assert oracle.read_documents(streamed.pipeline.alias) == before

    streamed.database.execute_as_superuser(*SHOW)
    streamed.clients.connect.restart(streamed.sink)
    streamed.check_equal()
