"""What the scheduled look at the connectors mends, what it leaves alone, and what it says."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in __all__
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from pg2es.adapters import kafka
from pg2es.adapters.connect import ConnectCluster
from pg2es.cli.main import main
from pg2es.core.errors import ConnectorError, ConnectorExists, ConnectUnavailable
from pg2es.core.monitoring import Kind
from pg2es.core.recovery import OwnerMark, Tries
from pg2es.core.stream import Steering
from pg2es.services import backfill, recovery
from pg2es.services.locks import locked_source
from pg2es.services.recovery import find_leftovers, mend, mending, remove_leftovers
from pg2es.services.recovery.mending import Mended
from pg2es.services.recovery.orphans import Leftovers
from pg2es.services.stream import connector, find_connectors, read_installation, remove_connector, remove_sinks, steer
from pg2es.services.stream.connector import create_stopped, is_stopped
from pg2es.services.stream.replication import ensure_publication
from tests.integration.batch import run_backfill
from tests.integration.streamed import ROWS, Streamed
from tests.support import Database, ProjectFolder, ask_each_worker


@pytest.fixture(scope="module")
def streamed(module_folder: tuple[ProjectFolder, Database]) -> Streamed:
    return Streamed(*module_folder)


def look(streamed: Streamed, tries: dict[str, Tries] | None = None, now: float = 1000) -> Mended:
    return mend(streamed.clients, streamed.folder.source_model(), tries or {}, now)


def test_nothing_to_do(streamed: Streamed) -> None:
    assert str(look(streamed)) == "Nothing to do."


def test_a_source_that_was_never_deployed_is_left_alone(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute("CREATE TABLE public.parts (id bigint PRIMARY KEY)")
    streamed_folder.add_pipeline("parts", "public.parts")
    clients, source = streamed_folder.clients(), streamed_folder.source_model()
    found = mend(clients, source, {}, 0)
    assert (found.deployed, found.done, found.problems) == (False, [], [])
    assert found.notes == ["It is not deployed; the first backfill of a pipeline does that."]
    assert clients.connect.config(source.connector) is None


def test_connectors_that_somebody_removed_go_on_where_they_ended(streamed: Streamed) -> None:
    clients, names = streamed.clients, [streamed.source.connector, streamed.sink]
    for name in names:
        clients.connect.remove(name)
    streamed.wait_until(lambda: not {*names} & {*clients.connect.list_connectors()})
    streamed.change("while they were away")
    fence = streamed.live.meta.fence
    found = look(streamed)
    assert (found.done, found.problems) == ([f"Made {name}." for name in names], [])
    streamed.check_equal()  # without a backfill
    assert streamed.live.meta.fence == fence
    assert streamed.breaches() == {}


def test_a_sink_that_is_gone_with_its_position_takes_a_backfill(streamed: Streamed) -> None:
    remove_connector(streamed.clients, streamed.sink)
    found = look(streamed)
    assert found.done == []
    [problem] = found.problems
    assert f"{streamed.sink} is gone with its position" in problem
    assert "run the DAG backfill_parts" in problem
    streamed.change("while the sink was away")
    run_backfill(streamed.clients, streamed.pipeline)
    streamed.check_equal()


def test_another_configuration_is_changed_back_and_told(streamed: Streamed) -> None:
    clients = streamed.clients
    config = clients.connect.config(streamed.sink) or {}
    clients.connect.update(streamed.sink, config | {"batch.roots": "17", "postgres.password": "hunter2"})
    found = look(streamed)
    assert found.done == [f"Changed {streamed.sink}: batch.roots: 17 → 1000; postgres.password: *** → ***"]
    assert clients.connect.config(streamed.sink) == config


def test_a_request_that_was_carried_out_and_not_answered(streamed: Streamed) -> None:
    """The next worker that is asked says that there is such a connector."""
    connect = streamed.clients.connect
    config = connect.config(streamed.sink) or {}
    with pytest.raises(ConnectorExists, match="already exists"):
        connect.create(streamed.sink, config)
    create_stopped(streamed.clients, streamed.sink, config)
    assert is_stopped(streamed.clients, streamed.sink)
    connect.resume(streamed.sink)
    streamed.check_equal()


def test_what_somebody_paused_or_stopped_stays_so(streamed: Streamed, capsys: pytest.CaptureFixture[str]) -> None:
    clients, source = streamed.clients, streamed.source
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(streamed.folder.folder), "connectors", "pause", source.name, "--pipeline", "parts"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.replace("\n", " ").strip() == f"pause: {streamed.sink}"
    streamed.wait_until(lambda: all(s and s.state == "PAUSED" for s in ask_each_worker(clients.connect, streamed.sink)))
    assert steer(clients, source, None, Steering.STOP) == [source.connector, streamed.sink]
    streamed.wait_until_stopped(source.connector)
    streamed.wait_until_stopped(streamed.sink)
    found = look(streamed)
    assert (found.done, found.problems) == ([], [])
    assert found.notes == [f"{name} is STOPPED on purpose, so it stays." for name in (source.connector, streamed.sink)]
    assert steer(clients, source, None, Steering.RESUME) == [source.connector, streamed.sink]
    streamed.check_equal()
    assert steer(clients, source, streamed.pipeline, Steering.RESTART) == [streamed.sink]
    streamed.check_equal()


def test_a_word_that_came_late_is_not_believed(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a worker that was cut off from Kafka, and had lost what another one runs by now."""
    monkeypatch.setattr(connector, "UNASSIGNED_S", 1)
    clients, name = streamed.clients, streamed.sink
    word = {"state": "UNASSIGNED", "trace": None, "worker_id": "127.0.0.1:1", "generation": 1}
    producer = clients.kafka_access.producer()
    producer.produce("pg2es-connect-status", key=f"status-connector-{name}", value=json.dumps(word))
    assert producer.flush(30) == 0
    streamed.wait_until(lambda: all(s and s.state == "UNASSIGNED" for s in ask_each_worker(clients.connect, name)))
    assert look(streamed).problems == []
    streamed.wait_until(lambda: all(s and s.running for s in ask_each_worker(clients.connect, name)))
    streamed.change("after a late word")
    streamed.check_equal()


def test_a_sink_that_fails_again_and_again_is_given_up(streamed: Streamed) -> None:
    clients, topic = streamed.clients, streamed.source.topic_of("public.parts")
    steer(clients, streamed.source, streamed.pipeline, Steering.STOP)
    streamed.wait_until_stopped(streamed.sink)
    before = kafka.end_offsets(clients.kafka, [topic])
    streamed.change("lost in Kafka")
    ends = before
    while sum(ends.values()) < sum(before.values()) + 100:
        streamed.wait_until(lambda: kafka.end_offsets(clients.kafka, [topic]) != ends)  # noqa: B023
        ends = kafka.end_offsets(clients.kafka, [topic])
    gone = [TopicPartition(name, number, end) for (name, number), end in ends.items()]
    for future in clients.kafka.delete_records(gone).values():
        future.result()
    steer(clients, streamed.source, streamed.pipeline, Steering.RESUME)
    streamed.wait_until_failed(streamed.sink)

    tries: dict[str, Tries] = {}
    said: list[str] = []
    for now in (1000, 1060, 1120, 1360, 1840, 2800, 2860):
        found = look(streamed, tries, now)
        tries = found.tries
        said.append(str(found))
        streamed.wait_until_failed(streamed.sink)
    restarted = [f"Restarted what has failed of {streamed.sink}, try {n} of 5." for n in (1, 2, 3, 4, 5)]
    assert said[0] == restarted[0]
    assert said[1].startswith(f"{streamed.sink} has failed; its next restart is due at 00:18:40 UTC.")
    assert said[2:6] == restarted[1:]
    assert said[6].startswith(f"Gave up on {streamed.sink}: it failed again after 5 restarts. Correct the cause")
    assert "OffsetOutOfRangeException" in said[6]
    assert len(said[6].splitlines()) > 2
    assert Kind.CONNECTOR_FAILED in streamed.breaches()

    recovery.reset_pipeline(clients, streamed.pipeline)
    run_backfill(clients, streamed.pipeline)
    streamed.check_equal()
    healthy = look(streamed, tries, 3000)
    assert healthy.tries[streamed.sink].running_since == 3000
    assert look(streamed, healthy.tries, 3900).tries == {}


def test_a_look_that_is_cut_off_leaves_nothing_stopped(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka Connect does not answer between stopping the sink and starting it again."""
    clients, sink = streamed.clients, streamed.sink
    clients.connect.update(sink, (clients.connect.config(sink) or {}) | {"batch.roots": "17"})

    def answer_nothing(self: ConnectCluster, name: str, *_: object) -> None:
        raise ConnectUnavailable(f"No Kafka Connect worker could answer for {name}")

    before = {streamed.source.connector: Tries(2, 500)}
    with monkeypatch.context() as patched:
        patched.setattr(ConnectCluster, "update", answer_nothing)
        found = look(streamed, before)  # what ran is started again
        assert found.unanswered == f"No Kafka Connect worker could answer for {sink}"
        assert {name: tries.count for name, tries in found.tries.items() if tries.count} == {
            streamed.source.connector: 2
        }
        streamed.wait_until(lambda: (status := streamed.status(sink)) is not None and status.running)
        patched.setattr(ConnectCluster, "resume", answer_nothing)
        found = look(streamed, found.tries)
        assert found.tries[sink].cut_off
        assert is_stopped(streamed.clients, sink)
    found = look(streamed, found.tries)
    assert (found.unanswered, found.notes, found.problems) == (None, [], [])
    assert found.done == [f"Changed {sink}: batch.roots: 17 → 1000"]
    assert not found.tries.get(sink)
    streamed.check_equal()


def test_a_look_that_is_killed_leaves_nothing_stopped(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    clients, kept = streamed.clients, dict[str, Tries]()

    def end(self: ConnectCluster, name: str, *_: object) -> None:
        raise SystemExit(name)

    for name in (streamed.source.connector, streamed.sink):
        clients.connect.update(name, (clients.connect.config(name) or {}) | {"errors.log.enable": "false"})
        with monkeypatch.context() as patched:
            patched.setattr(ConnectCluster, "update", end)
            with pytest.raises(SystemExit, match=name):
                mend(clients, streamed.source, {"other": Tries(1, 1)}, 1000, kept.update)
        assert is_stopped(clients, name)
        assert kept.pop("other") == Tries(1, 1)
        found = look(streamed, kept)
        assert (found.notes, found.problems, found.tries) == ([], [], {})
        streamed.check_equal()
        kept.clear()


def test_who_changes_the_source_is_not_waited_for(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "LOCK_TIMEOUT_S", 0.1)
    with ThreadPoolExecutor() as pool, locked_source(streamed.clients, streamed.source):
        found = pool.submit(look, streamed, {"x": Tries(1, 1)}).result()
    assert f"changing source {streamed.source.name}" in (found.unanswered or "")
    assert found.tries == {"x": Tries(1, 1)}


def test_a_topic_that_has_grown(streamed: Streamed) -> None:
    clients, topic = streamed.clients, streamed.source.topic_of("public.parts")
    for future in clients.kafka.create_partitions([NewPartitions(topic, 4)]).values():
        future.result()
    streamed.wait_until(lambda: len(kafka.end_offsets(clients.kafka, [topic])) == 4)
    found = look(streamed)
    assert (found.problems, found.notes) == ([], [])
    assert Kind.GAP in streamed.breaches()
    run_backfill(streamed.clients, streamed.pipeline)
    streamed.change("in four partitions")
    streamed.check_equal()
    assert streamed.breaches() == {}


def test_a_topic_that_was_deleted_and_made_anew(streamed: Streamed) -> None:
    """Offsets of the old one may well be there in the new one, so that nothing fails."""
    clients, topic = streamed.clients, streamed.source.topic_of("public.parts")
    connector.stop_connectors(clients, streamed.sink)
    before = sum(kafka.end_offsets(clients.kafka, [topic]).values())
    streamed.change("lost with the topic")
    streamed.wait_until(lambda: sum(kafka.end_offsets(clients.kafka, [topic]).values()) >= before + ROWS)
    clients.kafka.delete_topics([topic])[topic].result()
    streamed.wait_until(lambda: topic not in kafka.list_topics(clients.kafka))
    look(streamed)  # makes it anew
    streamed.change("in the new one")
    clients.connect.resume(streamed.sink)
    assert look(streamed).problems == []
    assert Kind.GAP in streamed.breaches()
    run_backfill(clients, streamed.pipeline)
    streamed.change("after it")
    streamed.check_equal()
    assert look(streamed).done == []
    assert streamed.breaches() == {}


def test_a_table_that_fell_out_of_the_publication(streamed: Streamed) -> None:
    """A backfill that has begun before closes no gap that comes while it runs."""
    begun = backfill.prepare(streamed.clients, streamed.pipeline)
    chunks = backfill.plan(streamed.clients, streamed.pipeline, 1)
    streamed.database.execute(
        "CREATE TABLE public.other (id bigint PRIMARY KEY)",
        f"ALTER PUBLICATION {streamed.source.publication} SET TABLE public.other",
        "UPDATE public.parts SET number = 'unpublished'",
    )
    assert look(streamed).problems == []
    backfill.settle(streamed.clients, streamed.pipeline, begun, chunks)
    assert Kind.GAP in streamed.breaches()
    run_backfill(streamed.clients, streamed.pipeline)
    streamed.check_equal()
    assert streamed.breaches() == {}


def test_what_has_to_hold_across_both_connectors(streamed: Streamed) -> None:
    clients, topic, index = streamed.clients, streamed.source.topic_of("public.parts"), streamed.live.index
    streamed.folder.change(f"sources/{streamed.source.name}.yaml", topic_partitions=7)
    _set_topic(clients.kafka, topic, {"cleanup.policy": "compact", "retention.ms": "3600000"})
    clients.elasticsearch.indices.put_settings(index=index, settings={"index.gc_deletes": "60s"})
    notes = look(streamed).notes
    assert len(notes) == 4, notes
    partitions, policy, retention, deletes = notes
    there = len(kafka.end_offsets(clients.kafka, [topic]))
    assert partitions.startswith(f"Topic {topic} has {there} partitions, files ask for 7 (topic_partitions")
    assert policy.startswith(f"Topic {topic} is compacted, which drops events")
    assert retention.startswith(f"Topic {topic} keeps events for 1.0 h")
    assert deletes.startswith(f"Index {index} forgets deletes after 60 s (index.gc_deletes)")
    streamed.folder.change(f"sources/{streamed.source.name}.yaml", topic_partitions=3)
    _set_topic(clients.kafka, topic, {"cleanup.policy": "delete", "retention.ms": "604800000"})
    clients.elasticsearch.indices.put_settings(index=index, settings={"index.gc_deletes": "1h"})
    assert look(streamed).notes == []


def test_leftover_slots_and_publications(streamed: Streamed) -> None:
    """Only what this installation made goes; another's on the same database, and what is read, stays."""
    clients, source, prefix = streamed.clients, streamed.source, f"pg2es_{streamed.source.name}"
    with clients.session(source) as session:
        for name, installation in (
            ("old", read_installation(clients)),
            ("used", read_installation(clients)),
            ("other", "of other workers"),
        ):
            slot = source.slot if name == "used" else f"{prefix}_{name}"
            mark = OwnerMark(installation, slot)
            ensure_publication(session, f"{prefix}_{name}", None, ["public.parts"], mark)
    streamed.database.execute(
        f"CREATE PUBLICATION {prefix}_unmarked FOR TABLE public.parts",
        f"CREATE PUBLICATION {prefix}_told FOR TABLE public.parts",
        f"COMMENT ON PUBLICATION {prefix}_told IS 'Somebody else''s.'",
        *(
            f"SELECT pg_create_logical_replication_slot('{prefix}_{name}', 'pgoutput')"
            for name in ("old", "other", "unmarked")
        ),
    )
    found = find_leftovers(clients, source)
    assert found == Leftovers((f"{prefix}_old",), (f"{prefix}_old",))
    assert look(streamed).problems == []
    assert find_leftovers(clients, source) == found  # nothing goes unasked
    assert remove_leftovers(clients, source) == found
    assert find_leftovers(clients, source).names == ()
    assert {name for name, _ in streamed.slots()} == {source.slot, f"{prefix}_other", f"{prefix}_unmarked"}
    left = {name for (name,) in streamed.database.fetch("SELECT pubname FROM pg_publication")}
    assert left == {source.publication, *(f"{prefix}_{name}" for name in ("used", "other", "unmarked", "told"))}
    streamed.database.execute(
        f"SELECT pg_drop_replication_slot('{prefix}_other'), pg_drop_replication_slot('{prefix}_unmarked')"
    )
    streamed.check_equal()


def test_another_installation_has_the_publication(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute("CREATE TABLE public.parts (id bigint PRIMARY KEY)")
    pipeline, source = streamed_folder.add_pipeline("parts", "public.parts"), streamed_folder.source_model()
    clients = streamed_folder.clients()
    for mark in (OwnerMark("0123456789abcdef", source.slot), OwnerMark("0123456789abcdef", "theirs")):
        name = source.publication if mark.slot == "theirs" else "theirs"
        with clients.session(source) as session:
            ensure_publication(session, name, None, ["public.parts"], mark)
        with pytest.raises(ConnectorError, match=f"publication {name} and slot {mark.slot} belong to another"):
            backfill.prepare(clients, pipeline)
        assert clients.connect.config(source.connector) is None
        assert database.fetch("SELECT FROM pg_replication_slots WHERE database = current_database()") == []
        database.execute(f"COMMENT ON PUBLICATION {name} IS NULL")
    run_backfill(clients, pipeline)
    database.execute(
        f"COMMENT ON PUBLICATION {source.publication} IS '{OwnerMark('of other workers', source.slot).to_comment()}'"
    )
    assert mend(clients, source, {}, 1000).problems == []


def test_removing_the_sinks_of_a_pipeline_leaves_its_source(streamed: Streamed) -> None:
    clients, source = streamed.clients, streamed.source
    sink = streamed.sink
    assert remove_sinks(clients, source, streamed.pipeline) == [sink]
    assert find_connectors(clients, source, None) == [source.connector]
    with pytest.raises(ConnectorError, match="There is no connector of pipeline parts"):
        steer(clients, source, streamed.pipeline, Steering.PAUSE)


def _set_topic(admin: Any, topic: str, values: dict[str, str]) -> None:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in values.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
