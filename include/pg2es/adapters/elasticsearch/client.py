"""Elasticsearch: one client, errors in pg2es' words, and bulk requests judged item by item."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self, cast

import orjson
from elastic_transport import (
    ConnectionError,  # noqa: A004 - the client's
    ConnectionTimeout,
    TlsError,
    Urllib3HttpNode,
)
from elastic_transport.client_utils import DEFAULT, parse_cloud_id
from elasticsearch import ApiError, Elasticsearch, JsonSerializer, TransportError
from urllib3.exceptions import NewConnectionError

from pg2es.core.errors import AccessDenied, ElasticsearchUnavailable, GenerationError, Pg2esError

BULK_TIMEOUT = "5s"
"""How long Elasticsearch may hold a bulk before applying it: short, so that none is applied long after it was given up
(refresh protocol, rule 6)."""

REQUEST_TIMEOUT_S = 60


_PRODUCT = "x-elastic-product"
"""The header that every answer of Elasticsearch has."""


class ConnectionLost(ConnectionTimeout):
    """A connection that ended amid a request, which may have been carried out: like a timeout, it is not sent again."""


class _Node(Urllib3HttpNode):
    """Takes for Elasticsearch's word only what bears its name: a proxy before it has pages of its own.

    One that says of itself that something is not there would be believed of an index. Tells apart what has not reached
    a node, which another one may be asked, from what may have.
    """

    def perform_request(self, *arguments: Any, **options: Any) -> Any:
        """Return an answer; ConnectionError for one of somebody else that reads like one, and for a node that is away.

        ConnectionLost when nobody knows whether the node has carried it out.
        """
        try:
            answer = super().perform_request(*arguments, **options)
        except ConnectionError as error:
            if isinstance(error, TlsError) or isinstance(error.__cause__, NewConnectionError):
                raise
            raise ConnectionLost(error.message, errors=error.errors) from error
        status = answer.meta.status
        if (status == HTTPStatus.NOT_FOUND or status < HTTPStatus.MULTIPLE_CHOICES) and (
            _PRODUCT not in answer.meta.headers
        ):
            raise ConnectionError(f"{self.base_url} answers {status}, but not as Elasticsearch does")
        return answer


class _RawJson(JsonSerializer):
    """Leaves an answer as bytes."""

    def loads(self, data: bytes) -> Any:
        """Return the bytes."""
        return data


_OVERLOADED = frozenset({408, 429, 500, 502, 503, 504})
_FAILED = frozenset({500, 502, 504})
_OF_THE_INDEX = frozenset({"cluster_block_exception", "index_closed_exception"})

_BY_STATUS: dict[int, tuple[type[Pg2esError], str]] = {
    401: (AccessDenied, "Elasticsearch refuses the login while {doing}. Check user and password."),
    403: (AccessDenied, "Elasticsearch forbids {doing}: {reason}. Give the user's role the right."),
    **dict.fromkeys(_OVERLOADED, (ElasticsearchUnavailable, "Elasticsearch cannot do it now, {doing}: {reason}")),
}
_REFUSED: tuple[type[Pg2esError], str] = (GenerationError, "Elasticsearch refuses {doing}: {reason}")


@dataclass(frozen=True)
class ElasticsearchAccess:
    """Where Elasticsearch is, and a login: a user with a password, an encoded API key, or a bearer token."""

    urls: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca_certificate: str | None = None
    client_certificate: str | None = None

    @property
    def login(self) -> dict[str, Any]:
        """The option of the client that is the login."""
        if self.user is not None:
            return {"basic_auth": (self.user, self.password)}
        return {"bearer_auth": self.token} if self.token else {"api_key": self.api_key}


def url_of_cloud(cloud_id: str) -> str:
    """Return the address that the Cloud ID of a deployment stands for; ValueError when it is none."""
    host, port = parse_cloud_id(cloud_id).es_address or (None, None)
    return f"https://{host}:{port}"


class Client(Elasticsearch):
    """The client, and a twin whose answers stay bytes.

    A node that does not take a connection is passed over. Else it neither retries nor hides an error: what to do again
    is decided by refresh.
    """

    raw: Elasticsearch

    @classmethod
    def open(cls, access: ElasticsearchAccess) -> "Client":
        """Return a client; nothing is sent yet."""
        settings: dict[str, Any] = {
            **access.login,
            "node_class": _Node,
            "hosts": list(access.urls),
            "ca_certs": access.ca_certificate or DEFAULT,
            "client_cert": access.client_certificate or DEFAULT,
            "request_timeout": REQUEST_TIMEOUT_S,
            "max_retries": len(access.urls) - 1,
            "retry_on_timeout": False,
        }
        client = cls(**settings)
        client.raw = Elasticsearch(**settings, serializers={"application/json": _RawJson()})
        return client

    def options(self, **changes: Any) -> Self:
        """Return a client with other options, whose twin has them as well."""
        client = super().options(**changes)
        client.raw = self.raw.options(**changes)
        return client


def post_raw(
    client: Client, path: str, body: object, doing: str, content_type: str = "application/json", **params: str
) -> bytes:
    """Return the bytes of an answer; `body` is an object, or bytes that are sent as they are."""
    with translate_errors(doing):
        return cast(
            "bytes",
            client.raw.perform_request(
                "POST",
                path,
                params=params,
                headers={"accept": "application/json", "content-type": content_type},
                body=body,
            ).body,
        )


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raise pg2es' errors for the client's; `doing` says what was tried."""
    try:
        yield
    except ApiError as error:
        kind, sentence = _BY_STATUS.get(error.status_code, _REFUSED)
        raise kind(sentence.format(doing=doing, reason=_reason(error))) from error
    except TransportError as error:
        raise ElasticsearchUnavailable(
            f"Elasticsearch cannot be reached while {doing} ({type(error).__name__}: {error.message}); is it up?"
        ) from error


class Verdict(StrEnum):
    """What became of one item of a bulk request."""

    WRITTEN = "written"
    CONFLICT = "conflict"  # a newer version is there already: done (rule 5)
    AGAIN = "again"  # may pass later: refresh the root again, with a new version
    REJECTED = "rejected"  # for what the document contains


@dataclass(frozen=True)
class Rejection:
    """A document that Elasticsearch refuses."""

    id: str
    error: str
    reason: str

    def __str__(self) -> str:
        return f"document {self.id}: {self.error}: {self.reason}"


@dataclass
class BulkOutcome:
    """Counts over the items of bulk requests. `again` holds a reason for each item that was not acknowledged.

    `failing` are those not acknowledged because Elasticsearch itself fails over them: it may do so each time.
    """

    written: int = 0
    conflicts: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    failing: list[Rejection] = field(default_factory=list)

    def add(self, other: "BulkOutcome") -> None:
        """Add the counts of another outcome."""
        self.written += other.written
        self.conflicts += other.conflicts
        self.rejected.extend(other.rejected)
        self.again.extend(other.again)
        self.failing.extend(other.failing)


def send_bulk(client: Client, index: str, body: bytes, items: int) -> BulkOutcome:
    """Send ready NDJSON lines, `items` actions, and judge each item alone.

    Raises ElasticsearchUnavailable when the request as a whole was not answered or not accepted.
    """
    answer = post_raw(
        client,
        f"/{index}/_bulk",
        body,
        f"writing to {index}",
        "application/x-ndjson",
        timeout=BULK_TIMEOUT,
        filter_path="errors,items.*._id,items.*.status,items.*.error",
    )
    response = orjson.loads(answer)
    if not response["errors"]:
        return BulkOutcome(written=items)
    outcome = BulkOutcome()
    for item in response["items"]:
        _judge(next(iter(item.values())), outcome)
    return outcome


def judge(status: int, error_type: str | None = None) -> Verdict:
    """Return what an item's status means. A delete that finds nothing (404 without an error) is done.

    What concerns the index and not the document may pass: a closed index, a block because the disk is full.
    """
    if error_type in _OF_THE_INDEX or status in _OVERLOADED:
        return Verdict.AGAIN
    if status == 409:
        return Verdict.CONFLICT
    return Verdict.REJECTED if error_type else Verdict.WRITTEN


def _judge(item: dict[str, Any], outcome: BulkOutcome) -> None:
    error = item.get("error", {})
    error_type = error.get("type")
    cause = error.get("caused_by", {}).get("reason", "")
    reason = error.get("reason", "") + (f" ({cause})" if cause else "")
    if error_type == "index_not_found_exception":
        raise GenerationError(f"{reason}: the generation was removed while it was written. Run the backfill again.")
    if error_type == "security_exception":
        raise AccessDenied(f"Elasticsearch forbids writing: {reason}. Give the user's role the right.")
    match judge(item["status"], error_type):
        case Verdict.WRITTEN:
            outcome.written += 1
        case Verdict.CONFLICT:
            outcome.conflicts += 1
        case Verdict.AGAIN if item["status"] in _FAILED:
            outcome.failing.append(Rejection(item["_id"], error_type, reason))
        case Verdict.AGAIN:
            outcome.again.append(f"{error_type}: {reason}")
        case Verdict.REJECTED:
            outcome.rejected.append(Rejection(item["_id"], error_type, reason))


def _reason(error: ApiError) -> str:
    body = error.body
    if isinstance(body, (bytes, str)):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return str(body)[:300]
    found = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(found, dict):
        return f"{found.get('type')}: {found.get('reason')}"
    return str(found)[:300]
