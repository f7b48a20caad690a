"""Ask a server on this machine over HTTP, as readiness checks do several times a second.

urllib and not httpx: a new httpx client reads the system's certificates first, a tenth of a second of CPU each time.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any


def get_json(url: str, user: str | None = None, password: str = "") -> Any | None:
    """Return the JSON body of a successful answer; None for a server that is not up yet or answers with an error."""
    request = urllib.request.Request(url)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)
    except (urllib.error.URLError, OSError, HTTPException, ValueError):
        return None
