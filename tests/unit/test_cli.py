"""The command line: what it prints where, and the exit status. Every error is one sentence."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from pg2es import __version__
from pg2es.cli import replay, validate, verify
from pg2es.cli.main import app, main
from pg2es.core.dead_letters import Group
from pg2es.core.drift import Comparison, Drift
from pg2es.core.preflight import error, info, warning

INCLUDE = Path(__file__).parents[2] / "include"


class Result(NamedTuple):
    """What a run of the command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command as the shell does."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("PG2ES_CONFIG", raising=False)

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the smallest files that are in order."""
    files = {
        "platform.yaml": (INCLUDE / "platform.yaml").read_text(encoding="utf-8"),
        "sources/shop.yaml": "postgres: {host: h, database: d, user: u, password: '${env:P}'}",
        "pipelines/orders.yaml": "source: shop\ntable: public.orders",
        "mappings/orders.json": "{}",
    }
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return tmp_path


def test_version_and_help(run: Callable[..., Result]) -> None:
    assert run("--version") == (0, f"pg2es {__version__}\n", "")
    result = run("--help")
    assert result.status == 0
    for command in ("validate", "suggest", "verify", "deploy", "remove", "replay"):
        assert command in result.out


def test_files_in_order(run: Callable[..., Result], folder: Path) -> None:
    result = run("--config", str(folder), "validate")
    assert result.status == 0
    assert result.out.startswith("1 pipeline: the files are in order.")


def test_the_folder_of_the_environment_and_the_current_one(
    run: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert run("validate").out.startswith("1 pipeline:")
    monkeypatch.chdir("/")
    monkeypatch.setenv("PG2ES_CONFIG", str(folder))
    assert run("validate").out.startswith("1 pipeline:")


def test_the_checkout_is_the_last_resort(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("validate").out.startswith("3 pipelines:")


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (
            "pipelines/orders.yaml",
            "source: shop\ntable: public.orders\ntabel: x",
            "pipelines/orders.yaml: tabel: unknown key; allowed here: alias, backfill, document, errors, key,",
        ),
        ("pipelines/orders.yaml", "source: shp\ntable: a.b", "source: there is no source shp that can be used; those"),
        ("pipelines/orders.yaml", "source: shop", "pipelines/orders.yaml: table: is missing; it is required"),
        ("pipelines/orders.yaml", "source: [", "pipelines/orders.yaml: is not YAML in line 1"),
        ("mappings/orders.json", "{", "mappings/orders.json: is not JSON in line 1"),
        ("sources/shop.yaml", "postgres: {host: h}", "sources/shop.yaml: postgres.database: is missing"),
    ],
)
def test_a_file_that_is_not_in_order_is_set_aside(
    run: Callable[..., Result], folder: Path, file: str, content: str, sentence: str
) -> None:
    (folder / file).write_text(content, encoding="utf-8")
    result = run("--config", str(folder), "validate")
    assert result.status == 1
    assert "set aside" in result.out
    assert result.err.startswith("Set aside: ")
    assert sentence in result.err
    refused = run("--config", str(folder), "verify", "orders")
    assert refused.status == 2
    assert "Error: " in refused.err


def test_nothing_goes_without_a_platform(run: Callable[..., Result], folder: Path) -> None:
    (folder / "platform.yaml").write_text("- a", encoding="utf-8")
    result = run("--config", str(folder), "validate")
    assert (result.status, result.out) == (2, "")
    assert "platform.yaml: expected keys and values, found" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["validate", "nope"], "there is no pipeline nope; known: orders"),
        (["verify", "nope"], "there is no pipeline nope; known: orders"),
        (["deploy", "nope"], "there is no source nope; known: shop"),
        (["remove", "nope", "--yes"], "there is no source nope; known: shop"),
        (["replay", "nope"], "there is no source nope; known: shop"),
        (["suggest", "nope", "public.a"], "there is no source nope; known: shop"),
    ],
)
def test_names_that_are_not_there(
    run: Callable[..., Result], folder: Path, arguments: list[str], sentence: str
) -> None:
    result = run("--config", str(folder), *arguments)
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_a_folder_without_files(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("--config", str(tmp_path), "validate")
    assert result.status == 2
    assert "name the folder with --config or PG2ES_CONFIG" in result.err


def test_remove_asks_first(folder: Path) -> None:
    result = CliRunner().invoke(app, ["--config", str(folder), "remove", "shop"], input="n\n")
    assert "Remove the connectors, slot pg2es_shop and publication pg2es_shop?" in result.output
    assert result.exit_code == 1


def test_nothing_is_discarded_that_nobody_named(run: Callable[..., Result], folder: Path) -> None:
    result = run("--config", str(folder), "replay", "shop", "--discard")
    assert result.status == 2
    assert "it takes a --group" in result.err


def test_groups_of_dead_letters_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
    found = Group("orders-000001/x/[b]", None, "orders-000001", "x", "[b]", True, "document 1", "no", at, at, 1234)
    replay.show([found])
    assert capsys.readouterr().out.splitlines() == [
        "orders-000001/x/[b]",
        "  1,234, of no pipeline that has a file, 2026-01-02 12:30:00 to 2026-01-02 12:30:00",
        "  document 1: no",
    ]
    replay.show([])
    assert capsys.readouterr().out == "There are no dead letters.\n"


def test_findings_are_shown_with_what_mends_them(capsys: pytest.CaptureFixture[str]) -> None:
    for finding in (
        error("table a.b", "It [bold]cannot[/bold] be.", 'ALTER TABLE "a"."b";'),
        warning("platform.yaml", "Slow."),
        info("x", "y"),
    ):
        validate.show(finding)
    assert capsys.readouterr().out.splitlines() == [
        "error   table a.b  It [bold]cannot[/bold] be.",
        '        ALTER TABLE "a"."b";',
        "warning platform.yaml  Slow.",
        "info    x  y",
    ]


def test_a_comparison_is_shown_with_some_ids(capsys: pytest.CaptureFixture[str]) -> None:
    comparison = Comparison("orders", "orders-000001", equal=1234)
    comparison.ids[Drift.STALE] = ["1", "[/red]", "3", "4", "5"]
    verify.show(comparison, 2)
    out = capsys.readouterr().out
    assert "orders: orders-000001" in out
    assert "equal      1,234" in out
    assert "stale: 1\nstale: [/red]\nstale: and 3 more\n" in out
    assert out.endswith("5 documents differ from their rows.\n")


@pytest.mark.parametrize(
    ("in_flight", "verdict"),
    [(0, "Every document equals its row."), (3, "3 documents kept changing; run it again when there is less traffic.")],
)
def test_a_comparison_without_drift(capsys: pytest.CaptureFixture[str], in_flight: int, verdict: str) -> None:
    verify.show(Comparison("orders", "orders-000001", equal=1, in_flight=in_flight), 10)
    assert capsys.readouterr().out.endswith(f"{verdict}\n")
