"""Cases: schemas that other synchronisers fell over, one folder of tests/cases each, judged without code of pg2es.

setup.sql      the application's schema and rows
*.yaml         pipelines, with their document SQL
refused.txt    what the preflight and the backfill say, where the pipeline must be refused; mend.sql is the remedy
changes.sql    the application's statements while it is streamed: none of them may fail
expected.json  pipeline → id → document, after all of that
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from elasticsearch import Elasticsearch

from pg2es.core.config import Pipeline
from pg2es.core.errors import PermanentError
from pg2es.core.preflight import Severity
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import pass_barrier
from tests import oracle
from tests.integration.batch import run_backfill
from tests.support import CHECKOUT, Database, ProjectFolder

CASES = sorted((CHECKOUT / "tests" / "cases").iterdir())
INGEST = "pipeline-in-an-index-template"


class Case:
    """A case in a database and a project of its kind."""

    def __init__(self, case: Path, folder: ProjectFolder, database: Database) -> None:
        self.case = case
        self.folder = folder
        self.database = database
        files = {file.stem.replace("-", "_"): file for file in case.glob("*.yaml")}
        self.names = list(files)
        for name, file in files.items():
            folder.add_pipeline(name, **yaml.safe_load(file.read_text()))

    @property
    def clients(self) -> Clients:
        return self.folder.clients()

    @property
    def pipelines(self) -> list[Pipeline]:
        return [self.clients.project.pipeline(name) for name in self.names]

    def text(self, name: str) -> str:
        """Return a file of the case, nothing when it has none."""
        file = self.case / name
        return file.read_text().strip() if file.exists() else ""

    def run(self, name: str) -> None:
        """Run the statements of a file, each in a transaction of its own."""
        self.database.execute(*(part for part in self.text(name).split(";\n") if part.strip(";\n")))

    def errors(self) -> list[str]:
        """Return what the preflight refuses of these pipelines."""
        found = preflight.run(self.clients, self.pipelines)
        return [f"{f.where}: {f.sentence} {f.mend}" for f in found if f.severity is Severity.ERROR]

    def backfill(self) -> None:
        for pipeline in self.pipelines:
            run_backfill(self.clients, pipeline)

    def check(self) -> None:
        """Fail unless everything that is expected is there, and nothing else."""
        found = {}
        for name, pipeline in zip(self.names, self.pipelines, strict=True):
            pass_barrier(self.clients, pipeline, require_live_generation(self.clients.elasticsearch, pipeline))
            found[name] = oracle.read_documents(pipeline.alias)
        assert found == oracle.parse(self.text("expected.json"))

    def remove(self) -> None:
        """Take the pipelines out of the project."""
        for name in self.names:
            (self.folder.folder / "pipelines" / f"{name}.yaml").unlink()


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, module_folder: tuple[ProjectFolder, Database]) -> Case:
    case = Case(request.param, *module_folder)
    case.run("setup.sql")
    return case


@pytest.fixture(autouse=True)
def ingest_pipeline(case: Case) -> Iterator[None]:
    """The administrator's template, for the case that is about it."""
    if case.case.name != INGEST:
        yield
        return
    name = f"{case.folder.prefix}stamp"
    template: dict[str, Any] = {
        "index_patterns": [f"{case.folder.prefix}{case.names[0]}*"],
        "template": {"settings": {"index": {"default_pipeline": name, "final_pipeline": name}}},
    }
    stamp = {"set_security_user": {"field": "written_by", "properties": ["username"]}}
    login = (os.environ["PG2ES_ELASTICSEARCH_SUPERUSER"], os.environ["PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD"])
    with Elasticsearch(os.environ["PG2ES_ELASTICSEARCH_URLS"].split(","), basic_auth=login) as client:
        client.ingest.put_pipeline(id=name, processors=[stamp])
        client.indices.put_index_template(name=name, **template)
        try:
            yield
        finally:
            client.indices.delete_index_template(name=name)
            client.ingest.delete_pipeline(id=name)


def test_the_index_holds_what_the_rows_say(case: Case) -> None:
    if refusal := case.text("refused.txt"):
        assert any(refusal in error for error in case.errors()), case.errors()
        for pipeline in case.pipelines:
            with pytest.raises(PermanentError) as refused:
                run_backfill(case.clients, pipeline)
            assert refusal in str(refused.value)
        if not case.text("expected.json"):
            case.run("changes.sql")  # the application goes on
            case.remove()
            return
        case.run("mend.sql")
    assert case.errors() == []
    case.backfill()
    case.run("changes.sql")
    case.check()
