"""`python -m demo.screenshots`: takes the pictures of docs/console.md, of a demo that was run and is still up.

The shop changes for some minutes, so that charts have something to show; meanwhile the sink of the products is stopped,
so that something is wrong. At the end it runs again.
"""

import os
import time

from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from demo.airflow import Airflow
from demo.data import DATABASE, superuser_access
from demo.screen import Screen
from demo.traffic import Traffic
from pg2es.core.config import load_project
from pg2es.core.generations import sink_connector
from pg2es.services.clients import Clients
from pg2es.services.generations import require_live_generation
from stack.config import CHECKOUT, load_config

FOLDER = CHECKOUT / "docs" / "images"
MINUTES = 8
WIDTH, HEIGHT = 1280, 800
TIMEOUT_MS = 120_000
BROKEN = "products"


def main() -> None:
    """Take the pictures."""
    environment = load_config().environment()
    os.environ.update(environment)  # the files of include/ refer to it
    clients = Clients(load_project(CHECKOUT / "include"))
    airflow = Airflow(
        environment["PG2ES_AIRFLOW_URL"], environment["PG2ES_AIRFLOW_USER"], environment["PG2ES_AIRFLOW_PASSWORD"]
    )
    screen = Screen(Console(highlight=False))
    live = require_live_generation(clients.elasticsearch, clients.project.pipeline(BROKEN))
    sink = sink_connector(live.index)
    with screen.step("Orders reconciled"):
        airflow.wait([airflow.trigger("reconcile_orders")], 600)
    with Traffic(superuser_access(environment, DATABASE), writers=2, changes_per_s=40):
        with screen.step(f"Shop changed for {MINUTES} minutes"):
            time.sleep(60 * (MINUTES - 2))
            clients.connect.stop(sink)
            time.sleep(60 * 2)  # the monitor looks each minute
        try:
            with screen.step(f"Pictures are in {FOLDER}"):
                _take_pictures(airflow)
        finally:
            clients.connect.resume(sink)


def _take_pictures(airflow: Airflow) -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments, timeout=TIMEOUT_MS)
        for name, path, scheme in (
            ("console-overview", "pg2es", "light"),
            ("console-pipeline", "pg2es/orders", "dark"),
            ("console-broken", f"pg2es/{BROKEN}", "light"),
        ):
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
            context.add_init_script(f"localStorage.setItem('theme', '{scheme}')")
            page = context.new_page()
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(f"{airflow.url}/plugin/{path}", wait_until="domcontentloaded")
            page.get_by_label("Username").fill(airflow.user)
            page.get_by_label("Password").fill(airflow.password)
            page.get_by_role("button", name="Sign in").click()
            _wait_until_drawn(page, charts=path != "pg2es")
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        browser.close()


def _wait_until_drawn(page: Page, *, charts: bool) -> None:
    what = page.get_by_role("figure").get_by_role("img") if charts else page.get_by_role("table", name="Pipelines")
    what.first.wait_for()


if __name__ == "__main__":
    main()
