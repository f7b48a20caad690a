"""What Airflow shows of pg2es among its providers."""

from typing import Any

import pg2es


def describe_provider() -> dict[str, Any]:
    """Return it as Airflow asks for it by the entry point `apache_airflow_provider`."""
    return {
        "package-name": "pg2es",
        "name": "pg2es",
        "description": "Keeps Elasticsearch equal to PostgreSQL.",
        "versions": [pg2es.__version__],
    }
