"""Sources as others have them: in a database of any name, published by somebody else."""

import pytest

from pg2es.core.sql import publications
from tests.integration.streamed import ROWS, Streamed
from tests.support import Database, ProjectFolder, connect, remove_stream, temporary_database

ODD = """ Ä\\b&c=d#e;f's "g" """


def test_a_database_of_any_name(project_folder: ProjectFolder, unique_name: str) -> None:
    source = project_folder.source_model()
    with temporary_database(f"{unique_name}{ODD}") as database:
        postgres = source.postgres.model_dump(exclude_none=True) | {"database": database.name}
        project_folder.change(f"sources/{source.name}.yaml", postgres=postgres)
        try:
            streamed = Streamed(project_folder, database)
            streamed.change("changed")
            streamed.check_equal()
            database.execute("DELETE FROM public.parts WHERE id = 1")
            streamed.check_equal(ROWS - 1)
        finally:
            remove_stream(project_folder.clients(), source)


@pytest.mark.parametrize("what", ["ALL TABLES", "TABLES IN SCHEMA public"])
def test_a_publication_that_somebody_else_made_for_more(
    what: str, streamed_folder: ProjectFolder, database: Database
) -> None:
    name = streamed_folder.source_model().publication
    with connect(database.name, superuser=True) as session:
        session.execute(f"CREATE PUBLICATION {name} FOR {what}".encode())
        session.execute(publications.publish_everything(name, session.info.server_version).encode())
    streamed = Streamed(streamed_folder, database)
    streamed.change("changed")
    streamed.check_equal()
    owner = f"SELECT pubowner = 'pg2es'::regrole FROM pg_publication WHERE pubname = '{name}'"
    assert database.fetch(owner) == [(False,)]
