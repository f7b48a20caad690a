"""The console as its users meet it: over HTTP, and in a browser."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, Page, expect, sync_playwright

from stack.launcher import Stack

TIMEOUT_S = 120
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # as root, in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LIST_ROUTES = """\
import json
from pg2es_airflow.console.app import make_app
print("\\n" + json.dumps([[route.path, sorted(route.methods)] for route in make_app().routes]))
"""


@dataclass(frozen=True)
class User:
    """Somebody who may log in."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def admin(cls) -> "User":
        """May do everything."""
        return cls(os.environ["PG2ES_AIRFLOW_USER"], os.environ["PG2ES_AIRFLOW_PASSWORD"])

    @classmethod
    def viewer(cls) -> "User":
        """May look."""
        return cls(os.environ["PG2ES_AIRFLOW_VIEWER"], os.environ["PG2ES_AIRFLOW_VIEWER_PASSWORD"])

    @contextmanager
    def session(self) -> Iterator[httpx.Client]:
        """Give an HTTP client with the user's token."""
        with httpx.Client(base_url=base_url(), timeout=TIMEOUT_S) as client:
            login = {"username": self.name, "password": self.password}
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client


def base_url() -> str:
    """Return the address of Airflow."""
    return os.environ["PG2ES_AIRFLOW_URL"]


def list_routes() -> list[tuple[str, list[str]]]:
    """Return path and methods of every route of the console's API, as the API server has it."""
    [server] = [service for service in Stack().status() if service.name == "airflow-api-server"]
    assert server.pid
    environment = psutil.Process(server.pid).environ()
    command = [sys.executable, "-c", _LIST_ROUTES]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [(path, methods) for path, methods in json.loads(done.stdout.splitlines()[-1])]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Give a Chromium."""
    expect.set_options(timeout=TIMEOUT_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=TIMEOUT_S * 1000)
        yield browser
        browser.close()


@contextmanager
def log_in(browser: Browser, user: User, path: str, **options: Any) -> Iterator[Page]:
    """Give a page of the console after a login by Airflow's own form. At the end nothing may have failed in it."""
    context = browser.new_context(locale="en-GB", **options)
    context.set_default_timeout(TIMEOUT_S * 1000)
    page = context.new_page()
    errors: list[str] = []
    page.goto(f"{base_url()}/plugin/{path}", wait_until="domcontentloaded")
    page.get_by_label("Username").fill(user.name)
    page.get_by_label("Password").fill(user.password)
    page.get_by_role("button", name="Sign in").click()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # What a server refuses, the browser reports by itself; the page shows it.
    assert [error for error in errors if "Failed to load resource" not in error] == []
