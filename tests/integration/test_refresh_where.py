"""`pg2es refresh --where`: the rows that an SQL condition holds for are read again, and none besides."""

from tests.integration.conftest import Run
from tests.integration.streamed import ROWS, Streamed
from tests.support import Database, ProjectFolder

REFUSED = {
    "colour = 'red'": 'column "colour" does not exist',
    "10 / (id - 5) > 0": "division by zero",
    "true); DELETE FROM public.parts; SELECT (true": "cannot insert multiple commands into a prepared statement",
    "": "syntax error",
}


def test_the_rows_of_a_condition_are_read_again(streamed_folder: ProjectFolder, database: Database, run: Run) -> None:
    streamed = Streamed(streamed_folder, database)

    before = streamed.versions()
    status, out, err = run("refresh", "parts", "--where", "root.id <= 3 OR number = '7' -- and no more")
    assert (status, out, err) == (0, "Asked the sinks of parts to refresh 4 roots.\n", "")
    streamed.check_equal()
    after = streamed.versions()
    assert {row for row in after if after[row] > before[row]} == {"1", "2", "3", "7"}

    assert run("refresh", "parts", "--where", "true")[1] == f"Asked the sinks of parts to refresh {ROWS} roots.\n"
    streamed.check_equal()
    newest = streamed.versions()
    assert all(newest[row] > after[row] for row in after)

    for condition, reason in REFUSED.items():
        status, _, err = run("refresh", "parts", "--where", condition)
        said = " ".join(err.split())
        assert f"Pipeline parts: the condition does not run on public.parts AS root: {reason}" in said, condition
        assert status == 2
    streamed.check_equal()


def test_one_choice_of_roots(project_folder: ProjectFolder, run: Run) -> None:
    for arguments in ([], ["1", "--all"], ["1", "--where", "true"], ["--all", "--where", "true"]):
        status, _, err = run("refresh", "parts", *arguments)
        assert status == 2
        assert "give keys, or --where, or --all" in err
