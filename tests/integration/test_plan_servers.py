"""Plans on real servers: what differs, and what Elasticsearch itself says that an index can still take."""

from collections.abc import Callable
from typing import Any

import pytest

from pg2es.adapters.elasticsearch import indices
from pg2es.core.config import Pipeline
from pg2es.core.errors import GenerationError, SchemaChanged
from pg2es.core.generations import Difference, Plan, Recipe, Verdict, index_changes
from pg2es.services import backfill, reindex
from pg2es.services.clients import Clients
from pg2es.services.generations import (
    Generation,
    apply_in_place,
    check_unchanged,
    make_plan,
    read_recipe,
    require_live_generation,
)
from pg2es_airflow.console import views
from tests.integration.batch import check_equal, make_generation, run_backfill
from tests.support import Database, ProjectFolder

SETTINGS: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": 0}
FIELDS: dict[str, Any] = {
    "id": {"type": "long"},
    "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "code": {"type": "keyword", "ignore_above": 100},
    "place": {"properties": {"city": {"type": "text"}, "zip": {"type": "keyword"}}},
}
ANALYZER = {"analyzer": {"slim": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}


def mapping(settings: dict[str, Any] | None = None, *, without: str = "", **fields: Any) -> dict[str, Any]:
    """Return the mapping file, with more settings, other fields, or without one."""
    properties = {name: field for name, field in (FIELDS | fields).items() if name != without}
    return {"settings": SETTINGS | (settings or {}), "mappings": {"dynamic": False, "properties": properties}}


class Planned:
    """A pipeline `notes` and its generation, which counts as filled; no stream feeds it."""

    def __init__(self, folder: ProjectFolder, database: Database) -> None:
        database.execute(
            "CREATE TABLE public.notes (id bigint PRIMARY KEY, code text NOT NULL UNIQUE, title text,"
            " price numeric(10, 2), spare text)"
        )
        self.folder = folder
        self.database = database
        self.write()

    def write(self, **changes: Any) -> None:
        """Write the pipeline's files anew, with changes."""
        self.folder.add_pipeline("notes", "public.notes", **({"mapping": mapping()} | changes))

    @property
    def clients(self) -> Clients:
        return self.folder.clients()

    @property
    def pipeline(self) -> Pipeline:
        return self.clients.project.pipeline("notes")

    @property
    def generation(self) -> Generation:
        return require_live_generation(self.clients.elasticsearch, self.pipeline)

    def make(self) -> None:
        """Make the generation from the files as they are."""
        make_generation(self.clients, self.pipeline).remember(self.clients.elasticsearch, filled=True)

    def plan(self) -> Plan:
        """Plan, and see to it that a plan leaves no trace."""
        client, alias = self.clients.elasticsearch, self.pipeline.alias
        before = client.indices.get(index=f"{alias}-*").body
        found = make_plan(self.clients, self.pipeline)
        assert client.indices.get(index=f"{alias}-*").body == before
        assert "scratch" not in str(found)
        return found

    def differences(self) -> list[tuple[str, Verdict]]:
        return [(difference.path, difference.verdict) for difference in self.plan().differences]

    def only_difference(self) -> Difference:
        [found] = self.plan().differences
        return found

    def recipe(self) -> Recipe:
        """Return what a generation would be made from now."""
        with self.clients.session(self.folder.source_model()) as session:
            return read_recipe(session, self.pipeline)

    def apply(self) -> Generation:
        return apply_in_place(self.clients, self.generation, self.recipe())

    def check_unchanged(self) -> None:
        with self.clients.session(self.folder.source_model()) as session:
            check_unchanged(session, self.pipeline, self.generation)


@pytest.fixture
def notes(project_folder: ProjectFolder, database: Database) -> Planned:
    """A pipeline without a generation."""
    return Planned(project_folder, database)


@pytest.fixture
def planned(notes: Planned) -> Planned:
    """A pipeline with a generation that was filled."""
    notes.make()
    assert notes.plan().differences == ()
    return notes


CHANGED_TYPE = "mapper [{}] cannot be changed from type [{}] to [{}]"
NOT_DYNAMIC = "Can't update non dynamic settings"
KEEPS = "an index keeps what its mapping has"


@pytest.mark.parametrize(
    ("wanted", "path", "reason"),
    [
        (
            mapping(title=FIELDS["title"] | {"type": "keyword"}),
            "field title",
            CHANGED_TYPE.format("title", "text", "keyword"),
        ),
        (mapping(id={"type": "integer"}), "field id", CHANGED_TYPE.format("id", "long", "integer")),
        (mapping(title=FIELDS["title"] | {"analyzer": "simple"}), "field title", "Cannot update parameter [analyzer]"),
        (mapping(code={"type": "keyword", "ignore_above": 100, "index": False}), "field code", "parameter [index]"),
        (
            mapping(place={"properties": {"city": {"type": "keyword"}, "zip": {"type": "keyword"}}}),
            "field place.city",
            CHANGED_TYPE.format("place.city", "text", "keyword"),
        ),
        (mapping(place={"type": "nested", **FIELDS["place"]}), "field place", "can't merge a"),
        (mapping(place={"type": "keyword"}), "field place", "can't merge a non object mapping [place] with an object"),
        (
            mapping(title={"type": "text", "fields": {"raw": {"type": "text"}}}),
            "field title",
            CHANGED_TYPE.format("title.raw", "keyword", "text"),
        ),
        (mapping({"number_of_shards": 2}), "setting index.number_of_shards", "index.number_of_shards"),
        (mapping({"codec": "best_compression"}), "setting index.codec", NOT_DYNAMIC),
    ],
)
def test_what_elasticsearch_refuses_needs_a_new_generation(
    planned: Planned, wanted: dict[str, Any], path: str, reason: str
) -> None:
    planned.write(mapping=wanted)
    found = planned.only_difference()
    assert (found.path, found.verdict) == (path, Verdict.REINDEX)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (mapping(without="code"), "field code"),
        (mapping(title={"type": "text"}), "field title.raw"),
        (mapping(place={"properties": {"city": {"type": "text"}}}), "field place.zip"),
    ],
)
def test_what_an_index_cannot_forget_needs_a_new_generation(
    planned: Planned, wanted: dict[str, Any], path: str
) -> None:
    planned.write(mapping=wanted)
    found = planned.only_difference()
    assert (found.path, found.after, found.verdict, found.reason) == (path, None, Verdict.REINDEX, KEEPS)


@pytest.mark.parametrize(
    ("wanted", "path", "rereads"),
    [
        (mapping(price={"type": "double"}), "field price", True),
        (mapping(code=FIELDS["code"] | {"fields": {"text": {"type": "text"}}}), "field code", True),
        (mapping(code=FIELDS["code"] | {"ignore_above": 50}), "field code", True),
        (mapping(code={"type": "keyword"}), "field code", True),
        (mapping(title=FIELDS["title"] | {"search_analyzer": "simple"}), "field title", True),
        (
            mapping(place={"properties": FIELDS["place"]["properties"] | {"at": {"type": "geo_point"}}}),
            "field place.at",
            True,
        ),
        (mapping(place={"dynamic": "strict", **FIELDS["place"]}), "field place", True),
        (mapping({"number_of_replicas": 1}), "setting index.number_of_replicas", False),
        (mapping({"refresh_interval": "5s"}), "setting index.refresh_interval", False),
        (mapping({"gc_deletes": "2h"}), "setting index.gc_deletes", False),
    ],
)
def test_what_elasticsearch_takes_goes_in_place(
    planned: Planned, wanted: dict[str, Any], path: str, *, rereads: bool
) -> None:
    planned.write(mapping=wanted)
    found = planned.only_difference()
    assert (found.path, found.verdict, found.rereads) == (path, Verdict.IN_PLACE, rereads)
    assert found.reason == "Elasticsearch takes it"

    # It does take it; and then there is nothing left but to read the documents again, if at all.
    changed = planned.apply()
    assert (changed.meta.revision, changed.meta.filled) == (1, not rereads)
    assert changed.meta.recipe == planned.recipe()
    assert planned.differences() == ([("documents", Verdict.IN_PLACE)] if rereads else [])
    assert _mapped(planned) == _mapped_anew(planned)

    # And back, where an index can go back.
    if not rereads:
        planned.write()
        assert planned.only_difference().verdict is Verdict.IN_PLACE
        assert (planned.apply().meta.revision, planned.plan().differences) == (2, ())
        assert _mapped(planned) == _mapped_anew(planned)


def _mapped(planned: Planned) -> tuple[Any, dict[str, str]]:
    """Return mappings, without `_meta`, and settings of the generation, without what each index has of its own."""
    found = planned.clients.elasticsearch.indices.get(index=planned.generation.index, flat_settings=True)
    [index] = found.body.values()
    own = ("index.uuid", "index.creation_date", "index.provided_name", "index.version.created")
    settings = {name: value for name, value in index["settings"].items() if name not in own}
    return {name: value for name, value in index["mappings"].items() if name != "_meta"}, settings


def _mapped_anew(planned: Planned) -> tuple[Any, dict[str, str]]:
    """Return the same of a generation that is made from the files as they are now."""
    client, alias, live = planned.clients.elasticsearch, planned.pipeline.alias, planned.generation.index
    client.indices.delete_alias(index=live, name=alias)
    other = make_generation(planned.clients, planned.pipeline).index
    found = _mapped(planned)
    indices.remove_index(client, other)
    indices.point_alias(client, alias, live, None)
    return found


def test_an_analyzer_and_its_field_need_a_new_generation(planned: Planned) -> None:
    planned.write(mapping=mapping({"analysis": ANALYZER}, price={"type": "text", "analyzer": "slim"}))
    *settings, field = planned.plan().differences
    assert {difference.verdict for difference in [*settings, field]} == {Verdict.REINDEX}
    assert all(difference.path.startswith("setting index.analysis.analyzer.slim.") for difference in settings)
    assert all(NOT_DYNAMIC in difference.reason for difference in settings)
    assert (field.path, "analyzer [slim] has not been configured" in field.reason) == ("field price", True)


def test_each_difference_has_its_own_verdict(planned: Planned) -> None:
    planned.write(
        mapping=mapping({"refresh_interval": "5s"}, title={"type": "keyword"}, price={"type": "double"}),
        document="SELECT id, code, title, price, spare FROM root",
    )
    planned.database.execute("ALTER TABLE public.notes ALTER price TYPE text")
    assert planned.differences() == [
        ("column price", Verdict.REINDEX),
        ("setting index.refresh_interval", Verdict.IN_PLACE),
        ("field title.raw", Verdict.REINDEX),
        ("field title", Verdict.REINDEX),
        ("field price", Verdict.IN_PLACE),
    ]
    assert planned.plan().verdict is Verdict.REINDEX


def test_who_only_looks_makes_no_index_and_is_told_what_only_elasticsearch_knows(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an index was made")

    monkeypatch.setattr(indices, "create_index", refuse)
    changed = mapping({"refresh_interval": "5s"}, title={"type": "keyword"})
    planned.write(mapping=changed, document="SELECT id, code, title, price FROM root")
    shown = views.show_plan(planned.clients, planned.pipeline)
    assert [(difference["path"], difference["verdict"]) for difference in shown["differences"]] == [
        ("column spare", Verdict.IN_PLACE),
        ("setting index.refresh_interval", Verdict.UNTRIED),
        ("field title.raw", Verdict.REINDEX),
        ("field title", Verdict.UNTRIED),
    ]
    planned.write(mapping=mapping({"refresh_interval": "5s"}))
    shown = views.show_plan(planned.clients, planned.pipeline)
    assert (shown["verdict"], shown["advice"][:17]) == (Verdict.UNTRIED, "`pg2es plan notes")
    planned.write(alias=f"{planned.folder.prefix}other")
    assert views.show_plan(planned.clients, planned.pipeline)["verdict"] == Verdict.REINDEX  # there is no index yet


def test_a_field_that_dynamic_mapping_has_added_otherwise_needs_a_new_generation(notes: Planned) -> None:
    dynamic: dict[str, Any] = {"settings": SETTINGS, "mappings": {"properties": {"id": {"type": "long"}}}}
    notes.write(mapping=dynamic)
    notes.make()
    dynamic["mappings"]["properties"] |= {"spare": {"type": "keyword"}}
    notes.write(mapping=dynamic)
    assert notes.only_difference().verdict is Verdict.IN_PLACE

    notes.clients.elasticsearch.index(index=notes.generation.index, document={"spare": "a text to Elasticsearch"})
    found = notes.only_difference()
    assert (found.path, found.verdict) == ("field spare", Verdict.REINDEX)
    assert CHANGED_TYPE.format("spare", "text", "keyword") in found.reason


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (mapping(price={"type": "nonsense"}), "The mapper type [nonsense] declared on field [price] does not exist"),
        (mapping(price={"type": "text", "analyzer": "unheard-of"}), "analyzer [unheard-of] has not been configured"),
        (mapping({"number_of_replicas": -1}), "must be >= 0"),
    ],
)
def test_a_mapping_that_no_index_can_have_is_broken(planned: Planned, wanted: dict[str, Any], reason: str) -> None:
    planned.write(mapping=wanted)
    found = planned.only_difference()
    assert (found.path, found.verdict) == ("mapping", Verdict.BROKEN)
    assert reason in found.reason


def test_a_dropped_column_that_the_sql_uses_is_broken(notes: Planned) -> None:
    notes.write(document="SELECT id, upper(spare) AS loud FROM root")
    notes.make()
    notes.database.execute("ALTER TABLE public.notes DROP COLUMN spare")
    plan = notes.plan()
    assert (plan.verdict, plan.wanted, plan.index) == (Verdict.BROKEN, None, notes.generation.index)
    assert 'column "spare" does not exist' in str(plan)


def test_a_table_that_is_gone_is_broken(planned: Planned) -> None:
    planned.database.execute("DROP TABLE public.notes")
    plan = planned.plan()
    assert plan.verdict is Verdict.BROKEN
    assert "public.notes" in str(plan)


@pytest.mark.parametrize(
    ("statement", "path", "before", "after", "verdict"),
    [
        ("ADD COLUMN at date", "column at", None, "date", Verdict.IN_PLACE),
        ("DROP COLUMN spare", "column spare", "text", None, Verdict.IN_PLACE),
        ("ALTER price TYPE numeric(12, 4)", "column price", "numeric(10,2)", "numeric(12,4)", Verdict.IN_PLACE),
        ("ALTER price TYPE float8", "column price", "numeric(10,2)", "float8", Verdict.REINDEX),
        ("ALTER spare TYPE text[] USING ARRAY[spare]", "column spare", "text", "text[]", Verdict.REINDEX),
    ],
)
def test_columns_of_a_table_without_document_sql(
    planned: Planned, statement: str, path: str, before: str | None, after: str | None, verdict: Verdict
) -> None:
    planned.database.execute(f"ALTER TABLE public.notes {statement}")
    found = planned.only_difference()
    assert (found.path, found.before, found.after, found.verdict) == (path, before, after, verdict)
    assert found.rereads


def test_columns_that_the_sql_does_not_use_make_no_difference(notes: Planned) -> None:
    notes.write(document="SELECT id, title FROM root")
    notes.make()
    notes.database.execute(
        "ALTER TABLE public.notes DROP COLUMN spare, ADD COLUMN more integer",
        "ALTER TABLE public.notes RENAME COLUMN price TO cost",
    )
    assert notes.plan().verdict is Verdict.NOTHING


def test_a_column_that_was_dropped_and_added_again_is_read_again(notes: Planned) -> None:
    # No event of the stream says that its values are gone, and it stands elsewhere in the documents.
    notes.write(document="SELECT root.* FROM root")
    notes.make()
    notes.database.execute(
        "ALTER TABLE public.notes DROP COLUMN title", "ALTER TABLE public.notes ADD COLUMN title text"
    )
    found = notes.only_difference()
    assert (found.path, found.verdict, found.rereads) == ("document SQL", Verdict.IN_PLACE, True)


def test_a_column_of_an_own_type(notes: Planned) -> None:
    notes.database.execute(
        "CREATE TYPE public.mood AS ENUM ('good', 'bad')", "ALTER TABLE public.notes ADD COLUMN mood public.mood"
    )
    notes.make()
    assert notes.plan().differences == ()
    notes.database.execute("ALTER TYPE public.mood ADD VALUE 'mixed'")
    assert notes.plan().differences == ()
    assert dict(notes.recipe().columns)["mood"] == "mood"  # by name: a type that is made anew has another number


def test_an_invalid_mapping_is_broken_before_there_is_an_index(notes: Planned) -> None:
    notes.write(mapping=mapping(title={"type": "no_such_type"}))
    assert notes.plan().verdict is Verdict.BROKEN


def test_what_no_request_can_change_is_not_recorded_as_changed(planned: Planned) -> None:
    planned.write(mapping=mapping(without="code"))
    before = planned.generation.meta
    with pytest.raises(GenerationError, match="field code cannot be changed in"):
        planned.apply()
    assert planned.generation.meta == before


def test_a_damaged_memory_is_told(planned: Planned) -> None:
    index = planned.generation.index
    meta = {"pg2es": {**planned.generation.meta.to_mapping()["pg2es"], "epoch": "none"}}
    planned.clients.elasticsearch.indices.put_mapping(index=index, meta=meta)
    with pytest.raises(GenerationError, match=rf"{index} is damaged \(epoch: "):
        planned.plan()


def test_another_key_needs_a_new_generation(planned: Planned) -> None:
    planned.write(key="code")
    found = planned.only_difference()
    assert (found.path, found.before, found.after, found.verdict) == ("key", "id", "code", Verdict.REINDEX)
    planned.write(key="id")  # the same as by default
    assert planned.plan().differences == ()


def test_another_database_needs_a_new_generation(planned: Planned) -> None:
    identity = planned.generation.meta.identity
    planned.generation.remember(planned.clients.elasticsearch, system_identifier="7000000000000000001")
    found = planned.only_difference()
    assert (found.path, found.verdict) == ("database", Verdict.REINDEX)
    assert (found.before, found.after) == ("7000000000000000001 (timeline 1)", str(identity))
    for later, advice in {1: "It is an old primary", -1: "Run the DAG recover_"}.items():
        timeline = identity.timeline + later
        planned.generation.remember(
            planned.clients.elasticsearch, system_identifier=identity.system_identifier, timeline=timeline
        )
        found = planned.only_difference()
        assert (found.path, found.verdict) == ("database", Verdict.BROKEN)
        assert advice in found.reason


def test_another_format_needs_a_new_generation(planned: Planned) -> None:
    planned.clients.elasticsearch.indices.put_mapping(
        index=planned.generation.index, meta={"pg2es": {"format": 0, "of": "another version"}}
    )
    found = planned.only_difference()
    assert (found.path, found.verdict) == ("pg2es format", Verdict.REINDEX)
    assert "has pg2es format 0, this version writes 1" in found.reason


def test_what_a_newer_pg2es_wrote_is_left_alone(planned: Planned) -> None:
    client, index = planned.clients.elasticsearch, planned.generation.index
    newer = planned.generation.meta.to_mapping()["pg2es"] | {"version": "99.0", "what": "nobody knows here"}
    client.indices.put_mapping(index=index, meta={"pg2es": newer})
    found = planned.only_difference()
    assert (found.path, found.verdict) == ("pg2es version", Verdict.BROKEN)
    assert "Upgrade the sink on every worker of Kafka Connect, then Airflow and the shell" in found.reason
    with pytest.raises(GenerationError, match="newer pg2es"):
        backfill.prepare(planned.clients, planned.pipeline)
    with pytest.raises(GenerationError, match="newer pg2es"):
        reindex.plan(planned.clients, planned.pipeline, take_over_index=False)
    assert client.indices.get_mapping(index=index)[index]["mappings"]["_meta"]["pg2es"] == newer


def test_an_index_that_is_not_filled_is_filled_in_place(notes: Planned) -> None:
    make_generation(notes.clients, notes.pipeline)
    assert notes.differences() == [("documents", Verdict.IN_PLACE)]
    assert notes.plan().rereads


def test_without_an_index_there_is_one_to_make(notes: Planned) -> None:
    plan = notes.plan()
    assert (plan.index, plan.verdict, plan.wanted) == (None, Verdict.REINDEX, notes.recipe())
    assert [difference.path for difference in plan.differences] == ["index"]


def test_the_alias_of_somebody_else_is_refused(notes: Planned) -> None:
    client, alias = notes.clients.elasticsearch, notes.pipeline.alias
    client.indices.create(index=alias)
    try:
        with pytest.raises(GenerationError, match="is an index, not an alias"):
            notes.plan()
    finally:
        client.indices.delete(index=alias)
    client.indices.create(index=f"{alias}-other", aliases={alias: {}})
    with pytest.raises(GenerationError, match="was not made by pg2es"):
        notes.plan()


IN_PLACE = mapping({"refresh_interval": "5s"}, price={"type": "double"}, code=FIELDS["code"] | {"ignore_above": 50})


def test_what_is_in_place_changes_index_and_recipe_and_leaves_the_documents_to_do(planned: Planned) -> None:
    planned.write(mapping=IN_PLACE, document="SELECT id, code, title, price FROM root")
    assert {verdict for _, verdict in planned.differences()} == {Verdict.IN_PLACE}
    wanted = planned.recipe()
    changed = planned.apply()
    assert (changed, changed.meta.recipe, changed.meta.revision) == (planned.generation, wanted, 1)
    assert planned.differences() == [("documents", Verdict.IN_PLACE)]
    assert planned.apply() == changed  # nothing left to apply
    assert _mapped(planned) == _mapped_anew(planned)


def _put_mapping(planned: Planned) -> None:
    for change in index_changes(planned.generation.meta.recipe, planned.recipe()):
        if change.mapping:
            indices.put_mapping(planned.clients.elasticsearch, planned.generation.index, change.mapping)


def _put_settings(planned: Planned) -> None:
    for change in index_changes(planned.generation.meta.recipe, planned.recipe()):
        if change.settings:
            indices.apply_settings(planned.clients.elasticsearch, planned.generation.index, change.settings)


@pytest.mark.parametrize("steps", [(_put_settings,), (_put_mapping,), (_put_settings, _put_mapping)])
def test_what_was_applied_halfway_is_applied_whole(
    planned: Planned, steps: tuple[Callable[[Planned], None], ...]
) -> None:
    planned.write(mapping=IN_PLACE)
    before = planned.plan()
    for step in steps:  # a run that was killed before it could write `_meta`
        step(planned)
    assert planned.plan() == before
    assert planned.apply().meta.revision == 1
    assert planned.differences() == [("documents", Verdict.IN_PLACE)]
    assert _mapped(planned) == _mapped_anew(planned)


def test_generations_remember_what_others_wrote_meanwhile(planned: Planned) -> None:
    client, read_before = planned.clients.elasticsearch, planned.generation
    planned.generation.remember(client, fence="12345")
    changed = read_before.remember(client, verified=True)
    assert (changed.meta.fence, changed.meta.verified, changed) == ("12345", True, planned.generation)


def test_a_change_behind_the_plan_is_noticed(planned: Planned) -> None:
    planned.check_unchanged()
    planned.write(mapping=mapping({"refresh_interval": "5s"}, price={"type": "double"}))
    planned.database.execute("ALTER TABLE public.notes ADD COLUMN at date")
    with pytest.raises(
        SchemaChanged, match=r"\(column at, setting index\.refresh_interval, field price\).* it plans anew"
    ):
        planned.check_unchanged()
    planned.write(document="SELECT id, nowhere FROM root")
    with pytest.raises(SchemaChanged, match="nowhere"):
        planned.check_unchanged()


def test_a_chunk_is_not_copied_into_a_generation_of_another_recipe(planned: Planned) -> None:
    planned.database.execute("INSERT INTO public.notes (id, code) VALUES (1, 'a')")
    [chunk] = backfill.plan(planned.clients, planned.pipeline, 1)
    planned.database.execute("ALTER TABLE public.notes ADD COLUMN at date")
    with pytest.raises(SchemaChanged, match="column at"):
        backfill.copy_chunk(planned.clients, planned.pipeline, planned.generation.index, chunk, lane=0)
    planned.apply()
    assert backfill.copy_chunk(planned.clients, planned.pipeline, planned.generation.index, chunk, lane=0).written == 1


def test_backfills_bring_what_is_in_place_and_refuse_the_rest(
    streamed_folder: ProjectFolder, database: Database
) -> None:
    notes = Planned(streamed_folder, database)
    database.execute("INSERT INTO public.notes SELECT n, 'c' || n, 'title', n, 'spare' FROM generate_series(1, 50) n")
    backfill.check(run_backfill(notes.clients, notes.pipeline))
    index = notes.generation.index
    assert notes.plan().differences == ()

    # A column that comes and goes, other SQL, another field: the same index has them after the next backfill.
    database.execute("ALTER TABLE public.notes DROP COLUMN spare", "ALTER TABLE public.notes ADD COLUMN at date")
    notes.write(
        mapping=mapping({"refresh_interval": "5s"}, at={"type": "date"}),
        document="SELECT id, code, upper(title) AS title, price, at FROM root",
    )
    database.execute("UPDATE public.notes SET at = '2024-02-29' WHERE id <= 10")
    assert notes.plan().verdict is Verdict.IN_PLACE
    backfill.check(run_backfill(notes.clients, notes.pipeline))
    assert (notes.generation.index, notes.plan().differences) == (index, ())
    check_equal(notes.clients, notes.pipeline, 50)
    found = notes.clients.elasticsearch.search(index=index, query={"term": {"at": "2024-02-29"}})
    assert found["hits"]["total"]["value"] == 10

    # What was written is what the stream goes on with.
    database.execute("UPDATE public.notes SET title = 'straße' WHERE id > 40")
    check_equal(notes.clients, notes.pipeline, 50)

    # A setting that is followed without reading a row.
    notes.write(
        mapping=mapping({"refresh_interval": "3s"}, at={"type": "date"}),
        document="SELECT id, code, upper(title) AS title, price, at FROM root",
    )
    assert (notes.plan().verdict, notes.plan().rereads) == (Verdict.IN_PLACE, False)
    backfill.prepare(notes.clients, notes.pipeline)
    assert notes.plan().differences == ()

    notes.write(mapping=mapping(title={"type": "keyword"}, at={"type": "date"}))
    with pytest.raises(GenerationError, match=r"(?s)field title.*Run the DAG reindex_notes"):
        backfill.prepare(notes.clients, notes.pipeline)
    notes.write(document="SELECT id, nowhere FROM root")
    with pytest.raises(GenerationError, match=r"(?s)nowhere.*Correct that first"):
        backfill.prepare(notes.clients, notes.pipeline)
    check_equal(notes.clients, notes.pipeline, 50)
