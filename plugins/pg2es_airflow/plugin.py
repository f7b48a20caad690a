"""The console, which is a page of Airflow's UI with the API behind it, and what makes tasks begin faster.

Airflow's loader runs this file in every process, tasks included; what is heavy is imported by the API server alone.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from pg2es_airflow import preload

PREFIX = "/pg2es"


class Pg2esPlugin(AirflowPlugin):
    """Registers them."""

    name = "pg2es"
    listeners = [preload]  # noqa: RUF012, as the base class declares it
    react_apps = [  # noqa: RUF012, as the base class declares it
        {
            "name": "pg2es",
            "url_route": "pg2es",
            "destination": "nav",
            "nav_top_level": True,
            # Relative: Airflow may live below a path.
            "bundle_url": "pg2es/static/console.js",
            "icon": "pg2es/static/icon.svg",
            "icon_dark_mode": "pg2es/static/icon-dark.svg",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # made when it is read
        """The API; only the API server asks for it."""
        from pg2es_airflow.console.app import make_app

        return [{"name": "pg2es", "url_prefix": PREFIX, "app": make_app()}]
