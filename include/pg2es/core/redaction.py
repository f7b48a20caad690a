"""Values that reports leave out: those of the fields that a pipeline file names under `redact`."""

import re
from collections.abc import Collection

REDACTED = "(redacted)"

# What comes behind this quotes the value that Elasticsearch could not parse.
_ABOUT_A_FIELD = re.compile(r".*?field \[[^\]]+\] of type \[[^\]]+\]", re.DOTALL)


def is_redacted(field: str, redact: Collection[str]) -> bool:
    """Return whether a field is one of these, lies within one, or holds one."""
    return any(field == name or field.startswith(f"{name}.") or name.startswith(f"{field}.") for name in redact)


def redact_reason(reason: str, redact: Collection[str]) -> str:
    """Return Elasticsearch's reason for a rejection, without what may quote values where there is something to redact.

    Which field a quotation is from cannot always be told, so it is left out of any.
    """
    if not redact:
        return reason
    about = _ABOUT_A_FIELD.match(reason)
    return f"{about[0]} {REDACTED}" if about else REDACTED
