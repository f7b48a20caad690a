"""What reports leave out."""

import pytest

from pg2es.core.redaction import REDACTED, is_redacted, redact_reason

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
