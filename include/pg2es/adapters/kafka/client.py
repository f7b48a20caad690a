"""Kafka: topics and offsets."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from tenacity import RetryCallState, Retrying, retry_if_exception, retry_if_result, stop_after_delay, wait_fixed

from pg2es.core.errors import AccessDenied, KafkaRefused, KafkaUnavailable, Pg2esError

TIMEOUT_S = 30

LEADER_S = 30
"""How long a partition may be without a leader."""
LOOK_S = 0.1
"""Between two looks whether it has one."""

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""


@dataclass(frozen=True)
class KafkaAccess:
    """Where Kafka is. The properties may hold secrets and stay out of `repr`."""

    bootstrap: str
    properties: dict[str, str] = field(default_factory=dict, repr=False)

    def admin(self) -> "Admin":
        """Return a client for topics and offsets."""
        return Admin(self)

    def consumer(self, group: str) -> Consumer:
        """Return a consumer that commits what it is told to, and tells the end of a partition."""
        with translate_errors("connecting"):
            return Consumer(
                self.properties_of_clients()
                | {
                    "group.id": group,
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "earliest",
                    # What is read has a known end. A broker answers the requests of a connection in their order, so
                    # each question would wait for a fetch that waits for news, by default half a second.
                    "fetch.wait.max.ms": 10,
                }
            )

    def producer(self) -> Producer:
        """Return a producer whose records are acknowledged by every replica in sync."""
        with translate_errors("connecting"):
            return Producer(self.properties_of_clients() | {"acks": "all", "enable.idempotence": True, "linger.ms": 0})

    def properties_of_clients(self) -> dict[str, Any]:
        """Return what every client has."""
        return {"bootstrap.servers": self.bootstrap, "log_level": 0, **self.properties}


class Admin(AdminClient):
    """The client for topics and offsets, which knows how it was made."""

    def __init__(self, access: KafkaAccess) -> None:
        self._noted: KafkaError | None = None
        with translate_errors("connecting"):
            super().__init__(access.properties_of_clients() | {"error_cb": self._note})
        self.access = access

    @contextmanager
    def asking(self, doing: str) -> Iterator[None]:
        """Raise pg2es' errors for the client's; `doing` says what is asked.

        When a broker refuses the login or the handshake, a call says only that nobody has answered in time: why comes
        beside it, to `error_cb`.
        """
        self._noted = None
        with translate_errors(doing):
            try:
                yield
            except (KafkaException, TimeoutError) as error:
                if isinstance(error, TimeoutError) or error.args[0].code() in _UNANSWERED:
                    self.poll(0)
                    if self._noted:
                        raise KafkaException(self._noted) from error
                raise

    def _note(self, error: KafkaError) -> None:
        # That a connection has ended, or all of them, says less than why, whichever comes first.
        if self._noted is None or error.code() not in _UNANSWERED:
            self._noted = error


_LOGIN = (AccessDenied, "Check the login in kafka.properties of platform.yaml.")
_RIGHT = (AccessDenied, "Give the right to the Kafka user of pg2es.")
_BY_CODE: dict[int, tuple[type[Pg2esError], str]] = {
    KafkaError._AUTHENTICATION: _LOGIN,  # noqa: SLF001 - the client's only name for it
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RIGHT,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _RIGHT,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _RIGHT,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _RIGHT,
    KafkaError.DELEGATION_TOKEN_AUTHORIZATION_FAILED: _RIGHT,
    **dict.fromkeys(
        (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION),  # noqa: SLF001
        (KafkaUnavailable, "If the topic is not there, deploy the connectors first."),
    ),
    **dict.fromkeys(
        (KafkaError._INVALID_ARG, KafkaError._SSL, KafkaError._UNSUPPORTED_FEATURE, KafkaError._UNKNOWN_PROTOCOL),  # noqa: SLF001
        (KafkaRefused, "Check kafka.properties of platform.yaml."),
    ),
    **dict.fromkeys(
        (
            # What Kafka's own client calls retriable.
            KafkaError.INVALID_MSG,
            KafkaError.LEADER_NOT_AVAILABLE,
            KafkaError.NOT_LEADER_FOR_PARTITION,
            KafkaError.REQUEST_TIMED_OUT,
            KafkaError.BROKER_NOT_AVAILABLE,
            KafkaError.REPLICA_NOT_AVAILABLE,
            KafkaError.NETWORK_EXCEPTION,
            KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
            KafkaError.COORDINATOR_NOT_AVAILABLE,
            KafkaError.NOT_COORDINATOR,
            KafkaError.NOT_ENOUGH_REPLICAS,
            KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            KafkaError.NOT_CONTROLLER,
            KafkaError.REBALANCE_IN_PROGRESS,
            KafkaError.CONCURRENT_TRANSACTIONS,
            KafkaError.KAFKA_STORAGE_ERROR,
            KafkaError.FETCH_SESSION_ID_NOT_FOUND,
            KafkaError.INVALID_FETCH_SESSION_EPOCH,
            KafkaError.LISTENER_NOT_FOUND,
            KafkaError.UNKNOWN_LEADER_EPOCH,
            KafkaError.FENCED_LEADER_EPOCH,
            KafkaError.OFFSET_NOT_AVAILABLE,
            KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
            KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE,
            KafkaError.ELECTION_NOT_NEEDED,
            KafkaError.UNSTABLE_OFFSET_COMMIT,
            KafkaError.THROTTLING_QUOTA_EXCEEDED,
            KafkaError.UNKNOWN_TOPIC_ID,
            KafkaError.INCONSISTENT_TOPIC_ID,
            KafkaError.SHARE_SESSION_NOT_FOUND,
            KafkaError.INVALID_SHARE_SESSION_EPOCH,
            KafkaError.SHARE_SESSION_LIMIT_REACHED,
            KafkaError.UNKNOWN,
        ),
        (KafkaUnavailable, "It is tried again."),
    ),
}
_UNANSWERED = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001
_LEADERLESS = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
)
"""What is answered while a partition gets its leader, or another one, and not every broker has heard of it."""
_UNAVAILABLE: tuple[type[Pg2esError], str] = (
    KafkaUnavailable,
    "Are the brokers up? If so, is security.protocol in kafka.properties of platform.yaml theirs?",
)
_REFUSED: tuple[type[Pg2esError], str] = (KafkaRefused, "Trying again cannot help; correct what it names.")


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raise pg2es' errors for the client's, by their code; `doing` says what was tried."""
    try:
        yield
    except KafkaException as error:
        raise _translate(doing, error.args[0]) from error
    except TimeoutError as error:
        raise KafkaUnavailable(f"Kafka: {doing} was not answered in {TIMEOUT_S} s. Are the brokers up?") from error


def _translate(doing: str, error: KafkaError) -> Pg2esError:
    # The client's own codes, of connections, timeouts and names, are negative; a broker has answered the others.
    kind, advice = _BY_CODE.get(error.code(), _UNAVAILABLE if error.code() < 0 else _REFUSED)
    return kind(f"Kafka: {doing} failed: {error.str()}. {advice}")


def count_brokers(admin: Admin, timeout_s: float) -> int:
    """Return the number of brokers; KafkaUnavailable when none answers within `timeout_s`."""
    with admin.asking("connecting"):
        return len(admin.list_topics(timeout=timeout_s).brokers)


def read_cluster_id(admin: Admin) -> str:
    """Return the id that a Kafka cluster gave itself."""
    with admin.asking("reading the id of the cluster"):
        return str(admin.list_topics(timeout=TIMEOUT_S).cluster_id)


def ensure_topics(admin: Admin, topics: dict[str, int], replication_factor: int, retention_ms: int) -> list[str]:
    """Create the topics (name → partitions) that are missing, and return their names once they can be used."""
    with admin.asking("creating topics"):
        config = {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}
        missing = set(topics) - set(admin.list_topics(timeout=TIMEOUT_S).topics)
        if not missing:
            return []
        created = []
        futures: dict[str, Future[None]] = admin.create_topics(
            [NewTopic(name, topics[name], replication_factor, config=config) for name in sorted(missing)]
        )
        for name, future in futures.items():
            try:
                future.result(TIMEOUT_S)
                created.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was faster
                    raise
        _await_leaders(admin, missing)
        return created


def _await_leaders(admin: Admin, topics: Iterable[str]) -> None:
    """Wait until every partition has a leader: brokers hear of a topic after the one who answered that it is made."""

    def leaderless() -> list[str]:
        known = admin.list_topics(timeout=TIMEOUT_S).topics
        return [t for t in topics if t not in known or any(p.leader < 0 for p in known[t].partitions.values())]

    def give_up(state: RetryCallState) -> None:
        names = ", ".join(sorted(state.outcome.result())) if state.outcome else ""
        raise KafkaUnavailable(f"Kafka: new topics have no leaders after {LEADER_S} s: {names}. Are all brokers up?")

    Retrying(
        retry=retry_if_result(bool),
        wait=wait_fixed(LOOK_S),
        stop=stop_after_delay(LEADER_S),
        retry_error_callback=give_up,
    )(leaderless)


@dataclass(frozen=True)
class TopicFacts:
    """How a topic is made. `retention_ms` is -1 when records stay."""

    partitions: int
    cleanup_policy: str
    retention_ms: int


def describe_topics(admin: Admin, topics: list[str]) -> dict[str, TopicFacts]:
    """Return how these topics are made, those that exist."""
    with admin.asking("reading the topics"):
        known = admin.list_topics(timeout=TIMEOUT_S).topics
        there = {ConfigResource(ResourceType.TOPIC, name): name for name in topics if name in known}
        futures = admin.describe_configs(list(there)) if there else {}
        found = {there[resource]: future.result(TIMEOUT_S) for resource, future in futures.items()}
    return {
        name: TopicFacts(len(known[name].partitions), config["cleanup.policy"].value, int(config["retention.ms"].value))
        for name, config in sorted(found.items())
    }


def topic_ids(admin: Admin, topics: list[str]) -> dict[str, str]:
    """Return the ids of these topics, those that exist; one that is deleted and made anew has another."""
    with admin.asking("reading the ids of topics"):
        found = {}
        for name, future in admin.describe_topics(TopicCollection(topics)).items():
            try:
                found[name] = str(future.result(TIMEOUT_S).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
        return found


def keep_forever(admin: Admin, topic: str) -> None:
    """Let a topic keep its records until somebody deletes them, whatever the brokers' defaults are."""
    entries = [
        ConfigEntry(name, "-1", incremental_operation=AlterConfigOpType.SET)
        for name in ("retention.ms", "retention.bytes")
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    with admin.asking(f"changing topic {topic}"):
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(TIMEOUT_S)


def end_offsets(admin: Admin, topics: list[str]) -> dict[Partition, int]:
    """Return the offset behind the last record of each partition of the topics."""
    return _list_offsets(admin, topics, OffsetSpec.latest())  # type: ignore[no-untyped-call]


def first_offsets(admin: Admin, topics: list[str]) -> dict[Partition, int]:
    """Return the offset of the first record that is still there, of each partition of the topics."""
    return _list_offsets(admin, topics, OffsetSpec.earliest())  # type: ignore[no-untyped-call]


def count_open(admin: Admin, topic: str, group: str) -> int:
    """Return how many records of a topic a group has not committed; none when there is no such topic."""
    if topic not in list_topics(admin):
        return 0
    first, ends = first_offsets(admin, [topic]), end_offsets(admin, [topic])
    committed = committed_offsets(admin, group, ends)
    return sum(end - max(first[place], min(committed.get(place, 0), end)) for place, end in ends.items())


def list_topics(admin: Admin) -> set[str]:
    """Return the names of all topics."""
    with admin.asking("listing topics"):
        return set(admin.list_topics(timeout=TIMEOUT_S).topics)


def committed_offsets(admin: Admin, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return the offsets that a consumer group has committed, of these partitions as far as there are any.

    Asked by a consumer made for it, which does not join the group: once the group's coordinator has died, the admin
    client never gets an answer to this question again, or ends the whole process (librdkafka issue 4605).
    """
    wanted = [TopicPartition(topic, number) for topic, number in partitions]
    with admin.asking(f"reading the offsets of group {group}"):
        consumer = admin.access.consumer(group)
        try:
            found = consumer.committed(wanted, timeout=TIMEOUT_S)
        finally:
            consumer.close()
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


def list_committed_offsets(admin: Admin, group: str) -> dict[Partition, int]:
    """Return all offsets that a consumer group has committed, where the partitions are not known.

    Asked by an admin client of its own: see `committed_offsets`.
    """
    with admin.asking(f"listing the offsets of group {group}"):
        fresh = admin.access.admin()  # by a name of its own: it answers nothing once it is forgotten
        asked = fresh.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        found = asked[group].result(TIMEOUT_S).topic_partitions or []
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


def _list_offsets(admin: Admin, topics: list[str], spec: OffsetSpec) -> dict[Partition, int]:
    with admin.asking("reading offsets"):
        known = admin.list_topics(timeout=TIMEOUT_S).topics
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise KafkaUnavailable(f"Kafka has no topic {', '.join(missing)}; deploy the connectors first.")
        partitions = [TopicPartition(topic, number) for topic in topics for number in known[topic].partitions]
        for attempt in Retrying(
            retry=retry_if_exception(_has_no_leader),
            wait=wait_fixed(LOOK_S),
            stop=stop_after_delay(LEADER_S),
            reraise=True,
        ):
            with attempt:
                futures = admin.list_offsets(dict.fromkeys(partitions, spec))
                return {(p.topic, p.partition): future.result(TIMEOUT_S).offset for p, future in futures.items()}
        raise AssertionError  # pragma: no cover - Retrying returns or raises


def _has_no_leader(error: BaseException) -> bool:
    """Whether a partition has no leader yet, as for a moment after it was made."""
    return isinstance(error, KafkaException) and error.args[0].code() in _LEADERLESS
