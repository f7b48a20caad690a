"""Ask a server on this machine over HTTP, as readiness checks do several times a second.

The standard library and not httpx: a new httpx client reads the system's certificates first, 0.1 s of CPU each time.
"""

from __future__ import annotations

import base64
import json
from contextlib import closing
from http.client import OK, HTTPConnection, HTTPException
from typing import Any

from stack.config import HOST


def get_json(port: int, path: str, user: str | None = None, password: str = "") -> Any | None:
    """Return the JSON body of a successful answer; None for a server that is not up yet or answers with an error."""
    headers = {}
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    with closing(HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return json.load(response) if response.status == OK else None
        except (OSError, HTTPException, ValueError):
            return None
