"""A disk that is full, or a folder of somebody else's: one sentence, nothing half written, nothing lost."""

from pathlib import Path

import pytest

from pg2es.services.drift import compare
from tests.full_disk import full_disk
from tests.integration.compared import Compared, add_books
from tests.integration.conftest import Run
from tests.support import Database, ProjectFolder

FULL = "cannot be written: No space left on device."


@pytest.fixture
def compared(streamed_folder: ProjectFolder, database: Database) -> Compared:
    """A pipeline that was backfilled."""
    return add_books(streamed_folder, database, compare)


def test_what_was_found_is_said_and_no_file_is_half_there(compared: Compared, run: Run, tmp_path: Path) -> None:
    compared.pass_barrier()
    with full_disk(tmp_path / "disk", old="of yesterday") as disk:
        for command, option, place in (("certify", "--folder", disk), ("reconcile", "--csv", disk / "old")):
            status, out, err = run(command, compared.pipeline.name, option, str(place))
            assert status == 2
            assert "equal" in out.lower()
            assert err.startswith(f"Error: {place}"), err
            assert FULL in err
        assert sorted(file.name for file in disk.iterdir()) == ["filler", "old"]
        assert (disk / "old").read_text() == "of yesterday"


def test_no_pipeline_is_half_suggested(run: Run, database: Database, project_folder: ProjectFolder) -> None:
    database.execute("CREATE TABLE public.goods (id int PRIMARY KEY, name text)")
    with full_disk(project_folder.folder / "mappings"):
        status, out, err = run("suggest", project_folder.source, "public.goods")
    assert (status, out) == (2, "")
    assert FULL in err
    assert not (project_folder.folder / "pipelines").exists()
