"""The claim of the refresh protocol, for the real Refresher: whatever the order, in the end documents equal rows.

The claim holds for every rule that pg2es keeps; with one rule broken, Hypothesis finds an example against it. So the
test would notice a Refresher that breaks it.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from pg2es.adapters.postgres import translate_errors
from pg2es.core.backfill import BlockRange
from pg2es.core.errors import TransientError
from pg2es.core.generations import Meta, Recipe
from pg2es.services.refresh import Refresher, Target
from pg2es.services.refresh import refresher as refresh
from tests.unit.refresh_world import (
    GC_DELETES_S,
    FakeElasticsearch,
    FakePostgres,
    FakeSession,
    FakeSql,
    Later,
    Row,
    Transaction,
    Trouble,
    Writer,
)

KEYS = (1, 2)
BLOCKS = 2
RECIPE = Recipe(table="public.t", key=("id",), document="SELECT id FROM root", columns=(("id", "int8"),), mapping={})
META = Meta(
    pipeline="t", source="world", recipe=RECIPE, epoch=0, system_identifier="1", timeline=1, fence="0"
)  # fmt: skip
MANY_STEPS = 1_000
MANY_WRITERS = 6
DRIFT = "documents differ from rows"


class World(RuleBasedStateMachine):
    """A table whose backfill and stream begin together, and all that can happen to them."""

    # What breaks in the ablations.
    unique_versions: ClassVar[bool] = True
    external_gte: ClassVar[bool] = False
    version_before_read: ClassVar[bool] = True
    flushes: ClassVar[bool] = True
    waits_until_visible: ClassVar[bool] = True
    never_gives_up: ClassVar[bool] = True
    deadline_s: ClassVar[float] = 600

    def __init__(self) -> None:
        super().__init__()
        self.postgres = FakePostgres({key: Row(block=key % BLOCKS, value=0) for key in KEYS})
        self.postgres.unique_versions = self.unique_versions
        self.postgres.statement_snapshots = self.version_before_read
        self.postgres.flushes = self.flushes
        self.elasticsearch = FakeElasticsearch(accepts_equal=self.external_gte)
        self.events: list[int] = []
        self.values = 0
        self.writers: list[Writer] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(refresh.log, "disabled", True)
        self.patch.setattr(refresh, "ThreadPoolExecutor", Later(self.writers.append))
        self.patch.setattr(refresh, "time", SimpleNamespace(monotonic=lambda: self.elasticsearch.now))
        self.patch.setattr(refresh, "DEADLINE_S", self.deadline_s)
        self.patch.setattr(refresh, "PATIENCE_S", 0)  # whoever started a writer starts it again
        for block in range(BLOCKS):
            last = block == BLOCKS - 1
            self.copy(BlockRange("t", block, None if last else block + 1))

    # PostgreSQL

    @rule(
        key=st.sampled_from(KEYS),
        block=st.integers(0, BLOCKS - 1),
        delete=st.booleans(),
        soon=st.sampled_from(("hidden", "visible", "streamed")),
    )
    def commit(self, key: int, block: int, delete: bool, soon: str) -> None:
        if any(key in transaction for transaction in self.postgres.hidden):
            return  # its row is locked until that commit is visible
        self.values += 1
        transaction: Transaction = {key: None if delete else Row(block, self.values)}
        self.postgres.commit(transaction)
        if not self.waits_until_visible:
            self.events.append(key)
        if soon != "hidden":
            self.show(len(self.postgres.hidden) - 1)
        if soon == "streamed":
            self.stream(len(self.events), MANY_STEPS)

    @precondition(lambda self: self.postgres.hidden)
    @rule(number=st.integers(0, 9))
    def show(self, number: int) -> None:
        transaction = self.postgres.show(number % len(self.postgres.hidden))
        if self.waits_until_visible:
            self.events.extend(transaction)

    @precondition(lambda self: self.postgres.flushed < self.postgres.lsn)
    @rule()
    def crash(self) -> None:
        self.postgres.crash()
        while self.postgres.hidden:
            self.show(0)

    # Elasticsearch

    @precondition(lambda self: self.elasticsearch.late)
    @rule(number=st.integers(0, 9))
    def deliver_late_write(self, number: int) -> None:
        self.elasticsearch.deliver(number % len(self.elasticsearch.late))

    @rule(seconds=st.sampled_from((50, GC_DELETES_S + 1)))
    def pass_time(self, seconds: int) -> None:
        self.elasticsearch.pass_time(seconds)

    @rule(trouble=st.sampled_from(Trouble))
    def trouble_the_next_request(self, trouble: Trouble) -> None:
        self.elasticsearch.trouble = trouble

    # Writers

    @precondition(lambda self: self.events)
    @rule(count=st.integers(1, 3), steps=st.sampled_from((0, MANY_STEPS)))
    def stream(self, count: int, steps: int) -> None:
        batch, self.events = self.events[:count], self.events[count:]
        self.start("stream", lambda one: one.refresh_keys([(str(key),) for key in batch]))
        self.let_run(-1, steps)

    @precondition(lambda self: len(self.writers) < MANY_WRITERS)
    @rule(block=st.none() | st.integers(0, BLOCKS - 1))
    def start_another(self, block: int | None) -> None:
        """Start a repair of all roots, or a copy of all blocks from one on."""
        if block is None:
            self.start("repair", lambda one: one.refresh_keys([(str(key),) for key in KEYS]))
        else:
            self.copy(BlockRange("t", block, None))

    @precondition(lambda self: any(writer.can_step for writer in self.writers))
    @rule(number=st.integers(0, 9), steps=st.integers(1, 6))
    def step(self, number: int, steps: int) -> None:
        self.let_run(number, steps)

    @precondition(lambda self: any(writer.can_step for writer in self.writers))
    @rule(number=st.integers(0, 9))
    def run_to_the_end(self, number: int) -> None:
        self.let_run(number, MANY_STEPS)

    def let_run(self, number: int, steps: int) -> None:
        ready = [writer for writer in self.writers if writer.can_step]
        writer = ready[number % len(ready)]
        for _ in range(steps):
            if not writer.can_step:
                break
            writer.step()
        self.forget_finished()

    def copy(self, blocks: BlockRange) -> None:
        # Slices of one block each.
        end = blocks.end or BLOCKS
        slices = [BlockRange("t", n, n + 1) for n in range(blocks.first, end)]
        if blocks.end is None:
            slices[-1] = BlockRange("t", slices[-1].first, None)
        self.start("copy", lambda one: one.copy(iter(slices), lambda _: None))

    def start(self, name: str, work: Callable[[Refresher], object]) -> None:
        """Start a writer; one that failed begins again, with a session of its own."""

        def run() -> None:
            while True:
                target = Target("t-000001", META, FakeSql.create())
                try:
                    with translate_errors("world"):  # as `open_session` does
                        session, client = cast("Any", FakeSession(self.postgres)), cast("Any", self.elasticsearch)
                        work(Refresher(session, client, target))
                except TransientError:
                    if self.never_gives_up:
                        continue
                return

        self.writers.append(Writer(name, run))

    def forget_finished(self) -> None:
        for writer in self.writers:
            if writer.done and writer.error and writer.name != "bulk":
                raise writer.error
        self.writers[:] = [writer for writer in self.writers if not writer.done]

    # The claim

    @rule()
    def settle(self) -> None:
        """When changes stop and queues drain, documents equal rows, and late writes bring nothing back."""
        self.elasticsearch.trouble = None
        while self.postgres.hidden:
            self.show(0)
        while self.events:
            self.stream(count=3, steps=0)
        while any(writer.can_step for writer in self.writers):
            self.let_run(0, 1)
        assert not self.writers
        while self.elasticsearch.late:
            self.elasticsearch.deliver(0)
        expected = {str(key): f'{{"value": {row.value}}}' for key, row in self.postgres.rows.items()}
        assert self.elasticsearch.contents() == expected, DRIFT

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.patch.undo()


REPEATABLE = settings(
    database=None,
    deadline=None,
    derandomize=True,
    print_blob=False,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_documents_equal_rows_in_the_end() -> None:
    run_state_machine_as_test(World, settings=settings(REPEATABLE, max_examples=300))


BROKEN: dict[str, dict[str, Any]] = {
    "the version is taken after what is read": {"version_before_read": False},
    "versions are not unique": {"unique_versions": False},
    "what was read is not flushed": {"flushes": False},
    "the stream reads before a commit is visible": {"waits_until_visible": False},
    "a writer gives up without an acknowledgement": {"never_gives_up": False},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(change: dict[str, Any]) -> None:
    broken = type("Broken", (World,), change)
    quick = settings(
        REPEATABLE, max_examples=5000, stateful_step_count=35, phases=[Phase.generate], report_multiple_bugs=False
    )
    with pytest.raises(AssertionError, match=DRIFT):
        run_state_machine_as_test(broken, settings=quick)


# What a search at random finds too seldom is told step by step.

STEPS_TO_COMMIT = 6
"""Calls of a key refresh before its COMMIT: identity, BEGIN, version, read, flush, COMMIT."""


def begin_world(**change: Any) -> World:
    """Return a world whose first copies are done."""
    world = cast("World", type("Told", (World,), change)())
    while any(writer.can_step for writer in world.writers):
        world.let_run(0, MANY_STEPS)
    return world


def read_old_rows(world: World) -> None:
    """Start a repair, and let it read and not yet COMMIT."""
    world.start_another(None)
    world.let_run(0, STEPS_TO_COMMIT)


def delete_and_forget(world: World) -> None:
    """A row is read, then deleted; Elasticsearch forgets the tombstone before the old document is sent."""
    read_old_rows(world)
    world.commit(KEYS[0], 0, delete=True, soon="streamed")
    world.pass_time(GC_DELETES_S + 1)


def read_twice_at_one_place(world: World) -> None:
    """A repair reads what a commit in the WAL does not show yet, the stream then reads the change."""
    world.commit(KEYS[0], 0, delete=False, soon="hidden")
    read_old_rows(world)
    world.show(0)
    world.stream(1, MANY_STEPS)


TOLD = {
    "old versions are sent however late it is": (delete_and_forget, {"deadline_s": float("inf")}),
    "versions are not unique, and equal ones win": (
        read_twice_at_one_place,
        {"unique_versions": False, "external_gte": True},
    ),
}


@pytest.mark.parametrize(("happens", "change"), TOLD.values(), ids=TOLD)
def test_a_rule_keeps_what_its_absence_breaks(happens: Callable[[World], None], change: dict[str, Any]) -> None:
    world = begin_world()
    happens(world)
    world.teardown()

    broken = begin_world(**change)
    happens(broken)
    with pytest.raises(AssertionError, match=DRIFT):
        broken.teardown()
