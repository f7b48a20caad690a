"""The command against real servers: exit status, and one sentence for each thing that goes wrong."""

import pytest

from tests.integration.conftest import Run
from tests.support import Database, ProjectFolder


@pytest.fixture
def orders(database: Database, project_folder: ProjectFolder) -> str:
    """A pipeline over a table without anything special."""
    database.execute("CREATE TABLE public.orders (id bigint PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
    return project_folder.add_pipeline("orders", "public.orders").name


def test_a_sound_pipeline(run: Run, orders: str) -> None:
    status, out, err = run("validate", "--connect")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "1 pipeline: 0 errors, 0 warnings."


def test_an_error_is_shown_with_what_mends_it(run: Run, orders: str, database: Database) -> None:
    database.execute("ALTER TABLE orders REPLICA IDENTITY NOTHING")
    status, out, err = run("validate", "--connect", orders)
    assert (status, err) == (1, "")
    assert "error   table public.orders" in out
    assert '        ALTER TABLE "public"."orders" REPLICA IDENTITY FULL;' in out


def test_suggest_then_validate(run: Run, database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.goods (id int PRIMARY KEY, name text)")
    status, out, _ = run("suggest", project_folder.source, "public.goods", "--name", f"{database.name}-goods")
    assert status == 0
    assert "check with `pg2es validate --connect`" in out
    assert run("validate", "--connect")[0] == 0
    status, _, err = run("suggest", project_folder.source, "public.goods", "--name", f"{database.name}-goods")
    assert status == 2
    assert "is there already" in err


def test_verify_before_the_first_backfill(run: Run, orders: str) -> None:
    status, out, err = run("verify", orders)
    assert (status, out) == (2, "")
    assert err.startswith("Error: Pipeline orders has no index yet")
    assert "backfill_orders" in err
    assert err.count("\n") == 1


def test_replay_without_dead_letters(run: Run, orders: str, project_folder: ProjectFolder) -> None:
    assert run("replay", project_folder.source, "--list") == (0, "There are no dead letters.\n", "")
    status, out, _ = run("replay", project_folder.source)
    assert status == 0
    assert "0 resolved, 0 refused again, 0 that name no root" in out
    status, out, err = run("replay", project_folder.source, "--group", "x", "--discard")
    assert (status, out) == (2, "")
    assert "no open dead letter of group x" in err


@pytest.mark.parametrize(
    ("variable", "value", "arguments", "sentence"),
    [
        ("ELASTICSEARCH_URLS", "http://127.0.0.1:9", ["verify", "orders"], "Elasticsearch cannot be reached"),
        ("ELASTICSEARCH_PASSWORD", "wrong", ["verify", "orders"], "Elasticsearch refuses the login"),
        ("POSTGRES_PORT", "9", ["deploy"], "is the server up?"),
        ("POSTGRES_PASSWORD", "wrong", ["deploy"], "PostgreSQL refuses the login"),
        ("POSTGRES_PORT", "many", ["deploy"], "postgres.port: expected a port, 1 to 65535, found 'many'"),
        ("CONNECT_URLS", "http://127.0.0.1:9", ["remove", "--yes"], "No Kafka Connect worker could answer"),
        ("CONNECT_PASSWORD", "wrong", ["remove", "--yes"], "Kafka Connect refuses the login"),
    ],
)
def test_a_server_that_does_not_answer(
    run: Run,
    orders: str,
    project_folder: ProjectFolder,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.setenv(f"PG2ES_{variable}", value)
    command, *rest = arguments
    name = [] if command == "verify" else [project_folder.source]
    status, out, err = run(command, *name, *rest)
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert "wrong" not in err.replace("is wrong", "")
