"""Every error that pg2es raises on purpose.

    Pg2esError
    ├── TransientError            waiting and trying again may help; a task is retried
    │   ├── PostgresUnavailable
    │   │   ├── SourceBusy        another job changes what belongs to the source
    │   │   ├── FenceNotPassed    transactions that a start fence waits for do not end
    │   │   └── TooSlow           a statement took longer than it may: fewer rows may be read in time
    │   ├── ElasticsearchUnavailable
    │   ├── KafkaUnavailable
    │   ├── ConnectUnavailable
    │   ├── AirflowUnavailable
    │   └── BarrierTimeout        the stream did not reach a barrier in time
    └── PermanentError            trying again cannot help; somebody has to act
        ├── ConfigError           a file says something that cannot be: file, key path, found, allowed
        ├── AccessDenied          wrong user or password, or a right that is missing
        ├── DocumentSqlError      the document SQL or a roots SQL does not run
        │   └── UnreadableRow     … for some rows: others can be read
        ├── CatalogError          a table, column or key is not as the pipeline needs it
        ├── ConnectorError        Kafka Connect refuses a config, or a connector fails
        │   ├── ConnectorExists   there is a connector of this name already
    │   └── SlotLost          changes are lost to the stream: the source has to be recovered
        ├── AirflowError          Airflow refuses a call, or a run has failed
        ├── KafkaRefused          Kafka refuses what is asked of it, or the client its properties
        ├── GenerationError       the index or its alias is not what the pipeline expects
        │   ├── FormatMismatch    another version of pg2es made the index
        │   └── NewerVersion      a newer version of pg2es has written to the index
        ├── IdentityMismatch      another database than the one that the index was made from
        ├── PlanOutdated          what a run was planned for has changed meanwhile: plan again
        │   ├── TableRewritten    rows moved while they were read
        │   └── SchemaChanged     document SQL, mapping or the tables' columns are others
        ├── DocumentsRejected     Elasticsearch refuses documents for what they contain
        ├── UnreadableRecord      a dead letter's record names no root
        ├── NotAKey               what somebody typed is no key of a root
        ├── ConditionError        what somebody typed is no SQL condition on the root table
        ├── SmokeTestFailed       a query of the pipeline file finds less than it should
        ├── DriftFound            the two sides differ
        ├── LimitBreached         the monitor saw that something is wrong
        └── NotificationFailed    the monitor could not notify a service

The message of each is one sentence or two: what is wrong, where, and what to do. Only the callers at the very outside
(the Airflow glue, the CLI, the retry loop of a refresh) decide what to try again.
"""

from collections.abc import Sequence
from pathlib import Path


class Pg2esError(Exception):
    """Root of all errors of pg2es."""


class TransientError(Pg2esError):
    """Waiting and trying again may help."""


class PostgresUnavailable(TransientError):
    """PostgreSQL cannot be reached, restarts, is a standby, or cancelled the statement."""


class SourceBusy(PostgresUnavailable):
    """Another job changes what belongs to a source, and does not end.

    `holder`: process, address and start of its session in PostgreSQL, None when it ended a moment ago.
    """

    def __init__(self, source: str, waited_s: float, holder: Sequence[object] | None) -> None:
        self.source = source
        self.holder = holder
        process, address, since = holder or ("gone", "unknown", "unknown")
        super().__init__(
            f"Another job has been changing source {source} for more than {waited_s:.0f} s (PostgreSQL process "
            f"{process}, from {address}, since {since}). See what it waits for; end it if it hangs; run this again."
        )


class StreamBehind(TransientError):
    """PostgreSQL keeps more WAL for the stream than a backfill may add to."""


class FenceNotPassed(PostgresUnavailable):
    """Transactions that a start fence waits for do not end."""


class TooSlow(PostgresUnavailable):
    """A statement took longer than it may, or somebody cancelled it: with fewer rows it may be in time."""


class ElasticsearchUnavailable(TransientError):
    """Elasticsearch cannot be reached, is overloaded, or blocks writes."""


class KafkaUnavailable(TransientError):
    """The Kafka brokers cannot be reached."""


class ConnectUnavailable(TransientError):
    """No Kafka Connect worker answers, or the cluster is rebalancing."""


class AirflowUnavailable(TransientError):
    """Airflow's API server does not answer."""


class BarrierTimeout(TransientError):
    """The stream did not reach the barrier in time."""


class PermanentError(Pg2esError):
    """Trying again cannot help; somebody has to act."""


class ConfigError(PermanentError):
    """A configuration file says something that cannot be.

    `file` is the path, `key` the dotted path inside it ("" for the file as a whole). `also`: what else is wrong there.
    """

    def __init__(self, file: Path | str, key: str, problem: str, also: "tuple[ConfigError, ...]" = ()) -> None:
        self.file = Path(file)
        self.key = key
        self.problem = problem
        self.also = also
        where = f"{self.file}: {key}" if key else str(self.file)
        # Half a pair of surrogates, which a file may hold, could not be printed.
        super().__init__(f"{where}: {problem}".encode(errors="backslashreplace").decode())


class NotWritten(PermanentError):
    """A file could not be written: a full disk, a folder of somebody else's."""


class AccessDenied(PermanentError):
    """Wrong user or password, or a right that is missing."""


class DocumentSqlError(PermanentError):
    """The document SQL or a roots SQL of a pipeline does not run."""

    def __init__(self, pipeline: str, statement: str, problem: str) -> None:
        self.pipeline = pipeline
        self.statement = statement
        self.problem = problem
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        return (
            f"Pipeline {self.pipeline}: the {self.statement} does not run: {self.problem}. "
            f"Correct it and check with `pg2es validate --connect`."
        )


class UnreadableRow(DocumentSqlError):
    """PostgreSQL cannot make the document of some row, for the `problem` in its words; others can be read."""

    def _sentence(self) -> str:
        return (
            f"Pipeline {self.pipeline}: the {self.statement} fails for some row: {self.problem}. "
            f"Correct the row, or the {self.statement}."
        )


class CatalogError(PermanentError):
    """A table, column or key is not as the pipeline needs it."""


class ConnectorError(PermanentError):
    """Kafka Connect refuses a configuration, or a connector or task has failed."""


class ConnectorExists(ConnectorError):
    """There is a connector of this name already."""


class SlotLost(ConnectorError):
    """The slot is not, or no longer holds, what the stream of a source goes on from."""

    def __init__(self, source: str, slot: str, what: str) -> None:
        super().__init__(f"Slot {slot} {what}: changes are lost to the stream. Run the DAG recover_{source}.")


class AirflowError(PermanentError):
    """Airflow refuses what is asked of it, or a run of a DAG has failed."""


class KafkaRefused(PermanentError):
    """Kafka refuses what is asked of it, or the client its own properties."""


class GenerationError(PermanentError):
    """The index or its alias is not what the pipeline expects."""


class FormatMismatch(GenerationError):
    """Another version of pg2es made the index."""

    def __init__(self, index: str, found: object, expected: int) -> None:
        super().__init__(f"Index {index} has pg2es format {found}, this version writes {expected}: reindex.")


class NewerVersion(GenerationError):
    """A newer version of pg2es has written to the index; this one must not."""

    def __init__(self, index: str, found: str | None, ours: str) -> None:
        super().__init__(
            f"Index {index} was last written to by a newer pg2es, {found or 'of another format'}, than this, {ours}. "
            f"Upgrade the sink on every worker of Kafka Connect, then Airflow and the shell. Nothing was changed."
        )


class IdentityMismatch(PermanentError):
    """The database is not the one that the index was made from (refresh protocol, rule 12)."""

    def __init__(self, index: str, expected: str, found: str, advice: str) -> None:
        super().__init__(
            f"Index {index} was made from PostgreSQL {expected}, but this database is {found}: it was restored, "
            f"copied or failed over, so its LSNs cannot be compared. Nothing was written. {advice}"
        )


class PlanOutdated(PermanentError):
    """What a run was planned for has changed meanwhile; the run has to begin again with its plan."""


class TableRewritten(PlanOutdated):
    """A table was rewritten (VACUUM FULL, CLUSTER, some ALTER TABLE) while chunks of it were read (rule 10)."""

    def __init__(self, relation: str) -> None:
        super().__init__(
            f"Table {relation} was rewritten (VACUUM FULL, CLUSTER, TRUNCATE or a rewriting ALTER TABLE) since its "
            f"chunks were planned, so rows may have moved past the reader. Run it again: it plans anew."
        )


class SchemaChanged(PlanOutdated):
    """The files, or the columns that the document SQL returns, are no longer those of the generation being filled."""

    def __init__(self, pipeline: str, index: str, what: str) -> None:
        super().__init__(
            f"Pipeline {pipeline} changed while {index} was filled ({what}). What was read so far is outdated. "
            f"Run it again: it plans anew."
        )


class DocumentsRejected(PermanentError):
    """Elasticsearch refuses documents for what they contain."""


class UnreadableRecord(PermanentError):
    """The record of a dead letter names no root, so there is nothing that a replay could refresh."""


class ConditionError(PermanentError):
    """What somebody typed is no SQL condition on the root table."""


class NotAKey(PermanentError):
    """What was given is no key of a root."""


class DriftFound(PermanentError):
    """Elasticsearch and PostgreSQL differ."""


class SmokeTestFailed(PermanentError):
    """A query of the pipeline file finds less in a new generation than it should."""


class LimitBreached(PermanentError):
    """The monitor saw that something is wrong."""


class NotificationFailed(PermanentError):
    """The monitor could not notify a service; it does so with its next run."""
