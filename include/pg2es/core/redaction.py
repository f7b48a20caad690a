"""Values that reports leave out: those of the fields that a pipeline file names under `redact`."""

import re
from collections.abc import Collection

REDACTED = "(redacted)"

# What comes behind this quotes the value that Elasticsearch could not parse.
_ABOUT_A_FIELD = re.compile(r".*?field \[[^\]]+\] of type \[[^\]]+\]", re.DOTALL)

# Lines of a Java trace: a place in the code, and an exception before its message.
_FRAME = re.compile(r"\s+(at |\.\.\. \d+ more)")
_EXCEPTION = re.compile(r"(Caused by: |Suppressed: )?([a-z]\w*\.)+[A-Z]\w*")


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


def redact_trace(trace: str, redact: Collection[str]) -> str:
    """Return a Java trace; where there is something to redact, without the messages of its exceptions."""
    if not redact:
        return trace
    return "\n".join(_redact_line(line) for line in trace.splitlines())


def _redact_line(line: str) -> str:
    if _FRAME.match(line):
        return line
    name = _EXCEPTION.match(line)
    return f"{name[0]}: {REDACTED}" if name else REDACTED
