"""docs/pipeline-file.md says what the models say."""

from pathlib import Path

from pg2es.cli.reference import render

FILE = Path(__file__).parents[2] / "docs" / "pipeline-file.md"


def test_the_reference_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_key_says_what_it_means() -> None:
    rows = [line.split(" | ") for line in render().splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert [row[0] for row in rows if not row[-1].strip("| ")] == []


def test_a_default_is_named_where_there_is_one() -> None:
    rows = {row[0].strip("|` "): row for row in (line.split(" | ") for line in render().splitlines()) if len(row) == 4}
    assert rows["alias"][2] == "the pipeline's name"
    assert rows["events"][1:3] == ["`keys` or `full`", "`keys`"]
    assert rows["related[].table"][2] == "required"
    assert rows["mapping"][1:3] == ["name of a file", "the pipeline's name and `.json`"]
    assert rows["elasticsearch.password"][1] == "reference"
