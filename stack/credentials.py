"""Demo passwords and keys: generated once, kept in the data folder with mode 0600."""

from __future__ import annotations

import base64
import os
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path


def _generate_password() -> str:
    return secrets.token_urlsafe(18)


def _generate_fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _generate_kafka_uuid() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


GENERATORS: dict[str, Callable[[], str]] = {
    "PG2ES_POSTGRES_SUPERUSER_PASSWORD": _generate_password,
    "PG2ES_POSTGRES_PASSWORD": _generate_password,
    "PG2ES_CONNECT_PASSWORD": _generate_password,
    "PG2ES_KAFKA_PASSWORD": _generate_password,
    "PG2ES_ELASTICSEARCH_SUPERUSER_PASSWORD": _generate_password,
    "PG2ES_ELASTICSEARCH_PASSWORD": _generate_password,
    "PG2ES_ELASTICSEARCH_SINK_PASSWORD": _generate_password,
    "PG2ES_AIRFLOW_PASSWORD": _generate_password,
    "PG2ES_AIRFLOW_VIEWER_PASSWORD": _generate_password,
    "AIRFLOW_DB_PASSWORD": _generate_password,
    "AIRFLOW_FERNET_KEY": _generate_fernet_key,
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_urlsafe(64),
    "AIRFLOW_SECRET_KEY": lambda: secrets.token_urlsafe(32),
    "KAFKA_CLUSTER_ID": _generate_kafka_uuid,
}


def load_credentials(path: Path) -> dict[str, str]:
    """Return the credentials in `path` (lines of NAME=value); generate and write those that are missing."""
    known: dict[str, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition("=")
            known[name] = value
    missing = {name: generate() for name, generate in GENERATORS.items() if name not in known}
    if missing:
        known |= missing
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole and renamed, so that a reader never sees half of it.
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text("".join(f"{name}={value}\n" for name, value in known.items()))
        draft.replace(path)
    return known
