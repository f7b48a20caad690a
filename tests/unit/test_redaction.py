"""What reports leave out."""

import pytest

from pg2es.core.redaction import REDACTED, is_redacted, redact_reason, redact_trace

REASON = (
    "[1:93] failed to parse field [age] of type [integer] in document with id '1'. Preview of field's value: 'secret' "
    '(For input string: "secret")'
)


@pytest.mark.parametrize(
    ("field", "redacted"),
    [("email", True), ("email.raw", True), ("home.city", True), ("home", True), ("home.zip", False), ("mail", False)],
)
def test_fields(field: str, redacted: bool) -> None:
    assert is_redacted(field, ["email", "home.city"]) is redacted


def test_a_reason_keeps_the_field_and_loses_the_value() -> None:
    assert redact_reason(REASON, ()) == REASON
    assert redact_reason(REASON, ["age"]) == f"[1:93] failed to parse field [age] of type [integer] {REDACTED}"
    assert redact_reason('For input string: "secret"', ["age"]) == REDACTED


TRACE = """\
org.apache.kafka.connect.errors.ConnectException: Exiting: secret
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliver(WorkerSinkTask.java:630)
Caused by: io.pg2es.connect.RejectedDocumentException: document 1 was rejected
of type [integer]: 'secret'
\t... 10 more"""


def test_a_trace_keeps_its_places_and_loses_its_messages() -> None:
    assert redact_trace(TRACE, ()) == TRACE
    assert redact_trace(TRACE, ["age"]).splitlines() == [
        f"org.apache.kafka.connect.errors.ConnectException: {REDACTED}",
        "\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliver(WorkerSinkTask.java:630)",
        f"Caused by: io.pg2es.connect.RejectedDocumentException: {REDACTED}",
        REDACTED,
        "\t... 10 more",
    ]
