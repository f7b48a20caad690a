"""A checksum of a whole set of documents, which anybody can compute again from an export.

    checksum = Σ SHA-256(id ‖ 0x00 ‖ bytes of the document) mod 2^256

A sum does not depend on the order of the documents, so each side is summed as it is read.
"""

import hashlib

_MODULUS = 1 << 256


class Checksum:
    """The sum so far."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, identifier: str, document: bytes | None) -> None:
        """Add a document, where there is one."""
        if document is not None:
            content = identifier.encode() + b"\0" + document
            self._sum = (self._sum + int.from_bytes(hashlib.sha256(content).digest())) % _MODULUS

    def __str__(self) -> str:
        return f"{self._sum:064x}"


class Checksums:
    """Those of both sides of a comparison."""

    def __init__(self) -> None:
        self.postgres = Checksum()
        self.elasticsearch = Checksum()

    def add(self, identifier: str, expected: bytes | None, stored: bytes | None) -> None:
        """Add what each side says of a document."""
        self.postgres.add(identifier, expected)
        self.elasticsearch.add(identifier, stored)
