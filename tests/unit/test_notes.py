"""The note of a run: one that cannot be written fails no run."""

from types import SimpleNamespace

import pytest
from airflow.sdk import BaseHook

from pg2es_airflow import notes


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1", "a host", None])
def test_a_note_that_cannot_be_written_fails_no_run(host: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = SimpleNamespace(schema="http", host=host, port=1, login="user", password="password")
    run = SimpleNamespace(dag_id="backfill_orders", run_id="manual")
    monkeypatch.setattr(BaseHook, "get_connection", lambda _: nobody)
    monkeypatch.setattr(notes, "get_current_context", lambda: {"dag_run": run})
    notes.write_run_note("Done.")


def test_a_connection_that_cannot_be_read_fails_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("the API server does not answer")

    monkeypatch.setattr(BaseHook, "get_connection", fail)
    notes.write_run_note("Done.")
