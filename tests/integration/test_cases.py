"""Cases: schemas that other synchronisers fell over, one folder of tests/cases each, judged without code of pg2es.

administrator.sql  what only a superuser may do, before that
setup.sql      the application's schema and rows
*.yaml         pipelines, with their document SQL
refused.txt    what the preflight says, where the pipeline must be refused; `mend.sql` is the remedy
changes.sql    the application's statements while it is streamed: none of them may fail
expected.json  pipeline → id → document, after all of that; of a case that is refused without a remedy there is none

Step by step they run together, in one database and one source, as connectors take seconds to start and stop.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
AT_ONCE = 4
pytestmark = pytest.mark.timeout(1200)  # all cases go through in the set-up of the first test


class Case:
    """A folder: its pipelines in a project, and its tables in a database."""

    def __init__(self, case: Path, folder: ProjectFolder, database: Database) -> None:
        self.case = case
        self.folder = folder
        self.database = database
        self.problem: BaseException | None = None
        self.files = {file.stem.replace("-", "_"): file for file in case.glob("*.yaml")}

    @property
    def clients(self) -> Clients:
        return self.folder.clients()

    @property
    def pipelines(self) -> list[Pipeline]:
        return [self.clients.project.pipeline(name) for name in self.files]

    @property
    def is_hopeless(self) -> bool:
        """Whether it is refused for good."""
        return not self.text("expected.json")

    def text(self, name: str) -> str:
        """Return a file of the case, nothing when it has none."""
        file = self.case / name
        return file.read_text(encoding="utf-8").strip() if file.exists() else ""

    def run(self, name: str) -> None:
        """Run the statements of a file, each in a transaction of its own."""
        self.database.execute(*(part for part in self.text(name).split(";\n") if part.strip(";\n")))

    def set_up(self) -> None:
        if text := self.text("administrator.sql"):
            self.database.execute_as_superuser(text)
        self.run("setup.sql")
        for name, file in self.files.items():
            self.folder.add_pipeline(name, **yaml.safe_load(file.read_text(encoding="utf-8")))

    def be_refused(self) -> None:
        """Fail unless the preflight says what it should, and nothing is wrong after the remedy."""
        if refusal := self.text("refused.txt"):
            assert any(refusal in error for error in self.errors()), self.errors()
            if self.is_hopeless:
                self.run("changes.sql")  # the application goes on
                self.remove()
                return
            for pipeline in self.pipelines:
                with pytest.raises(PermanentError) as refused:
                    run_backfill(self.clients, pipeline)
                assert refusal in str(refused.value)
            self.run("mend.sql")
        assert self.errors() == []

    def errors(self) -> list[str]:
        """Return what the preflight refuses of these pipelines."""
        found = preflight.run(self.clients, self.pipelines)
        return [f"{f.where}: {f.sentence} {f.mend}" for f in found if f.severity is Severity.ERROR]

    def remove(self) -> None:
        """Take the pipelines out of the project."""
        for name in self.files:
            (self.folder.folder / "pipelines" / f"{name}.yaml").unlink(missing_ok=True)

    def backfill(self) -> None:
        for pipeline in self.pipelines:
            run_backfill(self.clients, pipeline)

    def change(self) -> None:
        self.run("changes.sql")

    def check(self) -> None:
        """Fail unless everything that is expected is there, and nothing else."""
        found = {}
        for name, pipeline in zip(self.files, self.pipelines, strict=True):
            pass_barrier(self.clients, pipeline, require_live_generation(self.clients.elasticsearch, pipeline))
            found[name] = oracle.read_documents(pipeline.alias)
        assert found == oracle.parse(self.text("expected.json"))

    def attempt(self, step: Callable[["Case"], None]) -> None:
        """Take a step, unless one has failed before: then its test says so."""
        try:
            if self.problem is None:
                step(self)
        except (Exception, pytest.fail.Exception) as problem:  # noqa: BLE001 - its test raises it
            self.problem = problem
            if step in (Case.set_up, Case.be_refused):  # nothing of it runs yet, and a bad file would stop the others
                self.remove()


@pytest.fixture(scope="module")
def cases(module_folder: tuple[ProjectFolder, Database]) -> dict[str, Case]:
    """Every case, after all of its steps."""
    made = [Case(case, *module_folder) for case in CASES]

    def take(step: Callable[[Case], None], of: Iterable[Case], at_once: int = AT_ONCE) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda case: case.attempt(step), of))

    take(Case.set_up, made, 1)
    take(Case.be_refused, made, 1)
    going_on = [case for case in made if not case.is_hopeless]
    with ingest_pipeline(module_folder[0]):
        for step in (Case.backfill, Case.change, Case.check):
            take(step, going_on)
    return {case.case.name: case for case in made}


@contextmanager
def ingest_pipeline(folder: ProjectFolder) -> Iterator[None]:
    """The administrator's template, for the case that is about it."""
    name = f"{folder.prefix}stamp"
    template: dict[str, Any] = {
        "index_patterns": [f"{folder.prefix}templated_offers*"],
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


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_the_index_holds_what_the_rows_say(cases: dict[str, Case], name: str) -> None:
    if problem := cases[name].problem:
        raise problem
