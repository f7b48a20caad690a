"""Dead-letter records: what a sink could not bring into its index, and their groups."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as having
from datetime import datetime
from typing import Any

from pg2es.core.config import Pipeline
from pg2es.core.generations import generation_number, generation_of_sink
from pg2es.core.redaction import redact_reason

REASON_CHARACTERS = 300
"""What is shown of a reason: Elasticsearch quotes values in it."""

SAMPLE_CHARACTERS = 80
_BRIEFLY = 120

_OF_ELASTICSEARCH = "_exception"
_HEADER = "__connect.errors."
_REJECTED = "RejectedDocumentException"
_REJECTION = re.compile(r"document (.*?) was rejected for index \S+: (\w+): (.*)", re.DOTALL)
_MORE = re.compile(r"\(\d+ more for this record\.\)$")
# Elasticsearch names a field in one of these ways, the sink a column in the last.
_FIELD = re.compile(
    r"""field\ \[([^\]]+)\] | field="([^"]+)" | mapping\ for\ \[([^\]]+)\] | introduction\ of\ \[([^\]]+)\]
    | column\ (\w+)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class DeadLetterRecord:
    """A record in the dead-letter topic, at `partition` and `offset` since `at`, by the sink of generation `index`.

    `error` is Elasticsearch's name of the error where it refused a document, else that of the sink's exception;
    `subject` is the document, or the place of the record where none is named; `document` is the id of a document that
    was refused, and the only one that the record is about.
    """

    partition: int
    offset: int
    at: datetime
    index: str
    topic: str
    error: str
    field: str | None
    subject: str
    reason: str
    names_root: bool
    document: str | None
    key: bytes | None = having(repr=False)
    value: bytes | None = having(repr=False)

    @classmethod
    def read(
        cls,
        partition: int,
        offset: int,
        at: datetime,
        headers: Mapping[str, bytes],
        key: bytes | None,
        value: bytes | None,
    ) -> "DeadLetterRecord":
        """Return the record as Kafka Connect wrote it."""
        texts = {
            name.removeprefix(_HEADER): content.decode("utf-8", "replace")
            for name, content in headers.items()
            if name.startswith(_HEADER)
        }
        message = texts.get("exception.message", "")
        error = texts.get("exception.class.name", "").rpartition(".")[2]
        topic = texts.get("topic", "")
        subject = f"record {topic}-{texts.get('partition')}@{texts.get('offset')}"
        reason = message
        rejection = _REJECTION.search(message)
        if rejection:
            subject, error, reason = f"document {rejection[1]}", rejection[2], rejection[3]
        named = _FIELD.search(reason)
        return cls(
            partition=partition,
            offset=offset,
            at=at,
            index=generation_of_sink(texts.get("connector.name", "")),
            topic=topic,
            error=error,
            field=named[named.lastindex or 0] if named else None,
            subject=shorten(subject, SAMPLE_CHARACTERS),
            reason=shorten(reason, REASON_CHARACTERS),
            names_root=rejection is not None,
            document=rejection[1] if rejection and not _MORE.search(message) else None,
            key=key,
            value=value,
        )

    @property
    def group(self) -> str:
        """Name of the group that the record belongs to."""
        return "/".join(part for part in (self.index, self.error, self.field) if part)


@dataclass
class Group:
    """Open records alike in pipeline, index, error and field; `subject` and `reason` are those of the first."""

    name: str
    pipeline: str | None
    index: str
    error: str
    field: str | None
    names_root: bool
    subject: str
    reason: str
    first: datetime
    last: datetime
    count: int = 0

    def add(self, record: DeadLetterRecord) -> None:
        """Count a record in."""
        self.count += 1
        self.first = min(self.first, record.at)
        self.last = max(self.last, record.at)

    def to_json(self) -> dict[str, Any]:
        """Return the group as a report keeps it."""
        return {**asdict(self), "first": self.first.isoformat(), "last": self.last.isoformat()}

    def __str__(self) -> str:
        unnamed = "" if self.names_root else " (names no root)"
        return (
            f"{self.name}{unnamed}: {self.count:,}, {self.first:%Y-%m-%d %H:%M:%S} to {self.last:%Y-%m-%d %H:%M:%S}, "
            f"first {self.subject}: {shorten(self.reason, _BRIEFLY)}"
        )


def group_records(records: Iterable[DeadLetterRecord], pipelines: Iterable[Pipeline]) -> list[Group]:
    """Return the groups of records, in the order in which each began."""
    known = list(pipelines)
    groups: dict[str, Group] = {}
    for record in records:
        if record.group not in groups:
            pipeline = find_pipeline(record.index, known)
            quotes = record.error.endswith(_OF_ELASTICSEARCH)
            reason = redact_reason(record.reason, pipeline.redact) if pipeline and quotes else record.reason
            groups[record.group] = Group(
                record.group, pipeline.name if pipeline else None, record.index, record.error, record.field,
                record.names_root, record.subject, reason, record.at, record.at,
            )  # fmt: skip
        groups[record.group].add(record)
    return list(groups.values())


def find_pipeline(index: str, pipelines: Iterable[Pipeline]) -> Pipeline | None:
    """Return the pipeline that an index is or was a generation of, None when no file has it."""
    return next((found for found in pipelines if generation_number(found.alias, index) is not None), None)


def to_ranges(offsets: Iterable[int]) -> list[tuple[int, int]]:
    """Return the half-open ranges that hold exactly these offsets."""
    ranges: list[tuple[int, int]] = []
    for offset in sorted(set(offsets)):
        if ranges and ranges[-1][1] == offset:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return ranges


def shorten(text: str, characters: int) -> str:
    """Return the beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= characters else f"{line[: characters - 1]}…"
