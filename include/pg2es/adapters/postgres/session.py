"""PostgreSQL: sessions under the pinned settings, and errors said in pg2es' words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.rows import TupleRow

from pg2es.core.errors import (
    AccessDenied,
    CatalogError,
    DocumentSqlError,
    PermanentError,
    Pg2esError,
    PostgresUnavailable,
    TooSlow,
    UnreadableRow,
)
from pg2es.core.generations import Identity
from pg2es.core.sql import protocol

Session = psycopg.Connection[TupleRow]
"""A connection in autocommit mode whose statements use `$1` placeholders, as the texts in `core.sql` do."""

CONNECT_TIMEOUT_S = 10
_ALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A connection that the network has forgotten is given up after a minute; by default it is waited for for two hours."""

_LOGIN = (AccessDenied, "{where}: PostgreSQL refuses the login ({reason}). Check user and password.")
_REFUSED = (CatalogError, "{where}: PostgreSQL refuses it: {reason}. Mend that first.")
_HELD = (PostgresUnavailable, "{where}: {reason}. It is tried again.")
_LACKS = (
    PostgresUnavailable,
    "{where}: PostgreSQL lacks what it needs ({reason}). Free or add some; it is tried again.",
)
_BY_SQLSTATE: dict[str, tuple[type[Pg2esError], str]] = {
    "28000": _LOGIN,
    "28P01": _LOGIN,
    "3D000": (CatalogError, "{where}: {reason}. Correct the name in the source file."),
    "42501": (AccessDenied, "{where}: {reason}. Grant the right; `pg2es validate --connect` lists all."),
    # What a setting or another object rules out, `wal_level` or FOR ALL TABLES; but what another session holds passes.
    "55": _REFUSED,
    "55006": _HELD,
    "55P03": _HELD,
    "53": _LACKS,
    "53400": _REFUSED,
}
"""By the state, or by its class, the first two characters."""

_OF_ROWS = frozenset({"21", "22", "23", "54", "P0", "XX"})
"""Classes of SQLSTATE that the values of single rows bring about: cardinality, data and constraints of domains, limits
of the program, RAISE, and internal errors, which functions of extensions raise for values that they cannot take."""

_BY_TYPE: dict[type[psycopg.Error], tuple[type[Pg2esError], str]] = {
    psycopg.errors.QueryCanceled: (
        TooSlow,
        "{where}: a statement took too long, or somebody cancelled it ({reason}). See what it waits for.",
    ),
    psycopg.OperationalError: (
        PostgresUnavailable,
        "{where}: cannot be reached or gave up ({reason}); is the server up?",
    ),
    psycopg.InterfaceError: (PostgresUnavailable, "{where}: the connection is lost ({reason}); is the server up?"),
}
_SQLSTATE_OF_TEXT = {
    "authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    "does not exist": "3D000",
}


@dataclass(frozen=True)
class PostgresAccess:
    """Where a database is and who connects. The password stays out of `repr`."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None

    @property
    def certificates(self) -> dict[str, Any]:
        """Files of certificates and key, by the names that libpq, the JDBC driver and Debezium give them."""
        files = {"sslrootcert": self.sslrootcert, "sslcert": self.sslcert, "sslkey": self.sslkey}
        return {name: file for name, file in files.items() if file}

    def __str__(self) -> str:
        return f"PostgreSQL {self.database} at {self.host}:{self.port} (user {self.user})"

    @property
    def jdbc_url(self) -> str:
        """The address as the sink takes it, without user and password."""
        options = urlencode(
            {
                "sslmode": self.sslmode,
                **self.certificates,
                "targetServerType": "primary",
                "ApplicationName": "pg2es-sink",
                "tcpKeepAlive": "true",
            },
            quote_via=quote,
        )
        return f"jdbc:postgresql://{self.host}:{self.port}/{quote(self.database, safe='')}?{options}"


@contextmanager
def open_session(access: PostgresAccess) -> Iterator[Session]:
    """Give a session under `protocol.SESSION`.

    Raises AccessDenied, CatalogError (there is no such database) or PostgresUnavailable.
    """
    with translate_errors(access):
        session = psycopg.connect(
            host=access.host,
            port=access.port,
            dbname=access.database,
            user=access.user,
            password=access.password,
            sslmode=access.sslmode,
            **access.certificates,
            application_name="pg2es",
            connect_timeout=CONNECT_TIMEOUT_S,
            **_ALIVE,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
        )
        session.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # said in full (refresh protocol, rule 2)
        with session:
            session.execute(protocol.SESSION)
            yield session


@contextmanager
def translate_errors(where: object) -> Iterator[None]:
    """Raise pg2es' errors for psycopg's; `where` names the server in the message.

    Lost connections, restarts, deadlocks and cancelled statements are transient. Errors of an SQL text (class 42 and
    the like) pass as psycopg raised them: only the caller knows whose text it was.
    """
    try:
        yield
    except psycopg.Error as error:
        translated = _translate(where, error)
        if translated is None:
            raise
        raise translated from error


@contextmanager
def translate_sql_errors(pipeline: str, statement: str = "document SQL") -> Iterator[None]:
    """Raise pg2es' errors also for those of an SQL text of a pipeline: DocumentSqlError names the statement.

    UnreadableRow, where the values of a row are the cause.
    """
    try:
        with translate_errors(f"Pipeline {pipeline}"):
            yield
    except psycopg.Error as error:
        kind = UnreadableRow if (error.sqlstate or "")[:2] in _OF_ROWS else DocumentSqlError
        raise kind(pipeline, statement, describe_sql_error(error)) from error


def describe_sql_error(error: psycopg.Error) -> str:
    """Return what PostgreSQL says about an SQL text: the message, and the hint where there is one."""
    hint = error.diag.message_hint
    return _first_line(error) + (f" ({hint.rstrip('.')})" if hint else "")


def read_identity(session: Session) -> Identity:
    """Return which database this is.

    Raises PostgresUnavailable on a standby: it can neither take versions nor tell what is visible (rule 1).
    """
    system_identifier, timeline, in_recovery = fetch_one(session, protocol.IDENTITY)
    if in_recovery:
        info = session.info
        raise PostgresUnavailable(
            f"{info.host}:{info.port} is a standby; pg2es reads the primary. Point the source at it."
        )
    return Identity(system_identifier, timeline)


def fetch_one(session: Session, statement: str, *parameters: Any) -> TupleRow:
    """Return the one row of a statement that always has one."""
    row = session.execute(statement, parameters).fetchone()
    if row is None:
        raise PermanentError(f"PostgreSQL returned no row for: {statement}")
    return row


def _translate(where: object, error: psycopg.Error) -> Pg2esError | None:
    """Return what the tables make of an error, None where it passes."""
    state = _sqlstate(error)
    if state[:2] in _OF_ROWS:
        return None
    translation = (
        _BY_SQLSTATE.get(state)
        or _BY_SQLSTATE.get(state[:2])
        or next((entry for kind, entry in _BY_TYPE.items() if isinstance(error, kind)), None)
    )
    if translation is None:
        return None
    kind, sentence = translation
    return kind(sentence.format(where=where, reason=describe_sql_error(error)))


def _sqlstate(error: psycopg.Error) -> str:
    """Return the SQLSTATE; of a connection that was not made libpq tells only the text, so it is read from there."""
    if error.sqlstate or not isinstance(error, psycopg.OperationalError):
        return error.sqlstate or ""
    text = str(error)
    return next((state for part, state in _SQLSTATE_OF_TEXT.items() if part in text), "")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if "FATAL:" in line:
            return line.split("FATAL:", 1)[1].strip()
    return lines[0] if lines else type(error).__name__
