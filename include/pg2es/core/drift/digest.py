"""The digest of a document, as PostgreSQL computes it in `core.sql.documents`."""

import hashlib
import re
from typing import NamedTuple

Digest = tuple[int, int]
"""The two 31-bit halves."""

BROKEN: Digest = (-1, -1)
"""Stands for the digest in a mark that is none any more; no document has it."""

_MARK = re.compile(rb'\{"_pg2es":\{"d0":(\d+),"d1":(\d+),"bucket":(\d+)\}[,}]')


class Sums(NamedTuple):
    """Of the documents of a bucket: how many, and the sums of both halves of their digests.

    Elasticsearch sums in doubles: below 2^22 documents of 31 bits each that is exact.
    """

    documents: int
    d0: int
    d1: int


def digest(document: bytes) -> Digest:
    """Return the two 31-bit halves of the digest of a document's bytes."""
    number = int.from_bytes(hashlib.sha256(document).digest()[:8], "big")
    return (number >> 33) & 0x7FFFFFFF, number & 0x7FFFFFFF


def is_intact(source: bytes) -> bool:
    """Whether a stored document still has the bytes that its own mark tells: nobody else changed it."""
    mark = _MARK.match(source)
    if mark is None:
        return False
    rest = source[mark.end() :]
    if mark[0].endswith(b"}"):  # an empty document
        return rest == b"" and digest(b"{}") == (int(mark[1]), int(mark[2]))
    return digest(b"{" + rest) == (int(mark[1]), int(mark[2]))
