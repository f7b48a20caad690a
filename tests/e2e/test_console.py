"""The console: who may see what, and a browser that looks at a healthy and a broken pipeline."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from pg2es.core.generations import sink_connector
from pg2es.services.waiting import wait_for
from stack.launcher import Stack
from tests.e2e.console import TIMEOUT_S, User, base_url, list_routes, log_in, open_browser
from tests.e2e.ground import Ground

FILES = ("console.js", "lib.js", "icon.svg")


@pytest.fixture(scope="module")
def browser(stack_environment: dict[str, str]) -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def paths(ground: Ground) -> list[str]:
    """Every path that the console answers, for pipeline `notes`."""
    found = list_routes()
    assert len(found) >= 7
    assert {method for _, methods in found for method in methods} == {"GET"}
    filled = [path.replace("{name}", ground.notes) for path, _ in found if "{file}" not in path]
    return [f"/pg2es{path}" for path in [*filled, *(f"/static/{file}" for file in FILES)]]


def look(ground: Ground) -> None:
    """Let the monitor look, now."""
    run = ground.airflow.trigger("monitor")
    wait_for(
        lambda: ground.states(run).get("look") == "success",
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"the monitor does not look: {ground.airflow.progress(run)}"),
    )


def test_anonymous_gets_401_everywhere(paths: list[str]) -> None:
    with httpx.Client(base_url=base_url(), timeout=TIMEOUT_S) as client:
        assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 401)
        assert client.get("/pg2es/static/nothing.js").status_code == 401
        # What FastAPI would publish by itself is not there at all.
        assert {client.get(f"/pg2es{path}").status_code for path in ("/docs", "/redoc", "/openapi.json")} == {404}


def test_a_viewer_may_look_and_not_run(ground: Ground, paths: list[str]) -> None:
    look(ground)
    dags = [f"{job}_{ground.notes}" for job in ("backfill", "reconcile", "reindex", "rollback")]
    dags += ["connectors", "monitor", f"replay_{ground.folder.source}"]
    before = {dag: ground.list_runs(dag).keys() for dag in dags if dag != "monitor"}
    with User.viewer().session() as viewer, User.admin().session() as admin:
        assert {path: viewer.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
        refused = {dag: viewer.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None}) for dag in dags}
        assert {dag: answer.status_code for dag, answer in refused.items()} == dict.fromkeys(dags, 403)
        path = f"/pg2es/api/pipelines/{ground.notes}"
        assert viewer.get(path).json()["actions"] == dict.fromkeys(dags, False)
        assert admin.get(path).json()["actions"] == dict.fromkeys(dags, True)
    assert {dag: ground.list_runs(dag).keys() for dag in before} == before


def test_what_is_shown_is_what_is_there(ground: Ground) -> None:
    look(ground)
    with User.viewer().session() as viewer:
        overview = viewer.get("/pg2es/api/overview").json()
        path = f"/pg2es/api/pipelines/{ground.notes}"
        shown = viewer.get(path).json()
        plan = viewer.get(f"{path}/plan").json()
        connectors = viewer.get(f"{path}/connectors").json()
        history = viewer.get(f"{path}/history", params={"hours": 1}).json()
        letters = viewer.get(f"{path}/dead-letters").json()
        missing = viewer.get("/pg2es/api/pipelines/nothing")
    assert not overview["stale"]
    assert {ground.notes, ground.authors} <= {pipeline["name"] for pipeline in overview["pipelines"]}
    live = ground.live(ground.notes)
    assert (shown["health"], shown["index"]) == ("healthy", live.index)
    assert shown["documents"] == ground.count(ground.notes, match_all={})
    assert [(g["index"], g["state"], g["fingerprint"]) for g in shown["generations"]] == [
        (live.index, "live", live.meta.recipe.fingerprint)
    ]
    assert "backfill" in {report["kind"] for report in shown["reports"]}
    assert (plan["verdict"], plan["differences"]) == ("nothing to do", [])
    assert [connector["name"] for connector in connectors] == [
        ground.folder.source_model().connector,
        sink_connector(live.index),
    ]
    assert {part["state"] for connector in connectors for part in connector["parts"]} == {"RUNNING"}
    assert history["pipeline"][-1]["freshness_ms"] > 0
    assert history["source"][-1]["lag_ms"] > 0
    assert letters == {"groups": [], "at_most": 10_000}
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith("There is no pipeline nothing; known: ")


def test_a_source_is_reached_by_the_airflow_connection(ground: Ground) -> None:
    source = ground.folder.source
    postgres = ground.clients.postgres(ground.folder.source_model())
    connection = {"connection_id": f"pg2es_{source}", "conn_type": "postgres", "host": postgres.host}
    login = {"port": postgres.port, "schema": postgres.database, "login": postgres.user, "password": "wrong"}
    with User.admin().session() as admin:
        admin.post("/api/v2/connections", json=connection | login).raise_for_status()
        try:
            answer = admin.get(f"/pg2es/api/pipelines/{ground.notes}/plan")
        finally:
            admin.delete(f"/api/v2/connections/pg2es_{source}").raise_for_status()
        assert answer.status_code == 502
        assert "PostgreSQL refuses the login" in answer.json()["detail"]
        assert admin.get(f"/pg2es/api/pipelines/{ground.notes}/plan").status_code == 200


def test_a_broken_and_a_healthy_pipeline_in_a_browser(ground: Ground, browser: Browser) -> None:
    sink = sink_connector(ground.live(ground.authors).index)
    _break(ground, sink)
    look(ground)
    with log_in(browser, User.viewer(), "pg2es") as page:
        expect(_row(page, ground.notes)).to_contain_text("Healthy")
        expect(_row(page, ground.authors)).to_contain_text("Broken")
        expect(page.get_by_role("list", name="What is wrong")).to_contain_text(f"Connector {sink} has failed")
        expect(page.get_by_role("button", name="Look now")).to_have_count(0)
        page.get_by_role("link", name=ground.authors, exact=True).click()
        expect(page.get_by_role("heading", name=ground.authors)).to_be_visible()
        expect(page.get_by_text("You may look, but not run anything.")).to_be_visible()
        expect(page.get_by_role("button", name="Reconcile")).to_have_count(0)
        page.get_by_role("tab", name="Connectors").click()
        trace = page.get_by_label("Trace").first
        expect(trace).to_contain_text('column "nothing" does not exist')
        expect(trace).to_contain_text("at io.pg2es.connect.ElasticsearchSinkTask.start")  # the whole of it

    ground.airflow.unpause("connectors")
    with log_in(browser, User.admin(), f"pg2es/{ground.authors}", color_scheme="dark") as page:
        _run(page, "Mend connectors")
    _wait_until_running(ground, sink)
    look(ground)
    with User.viewer().session() as viewer:
        assert viewer.get(f"/pg2es/api/pipelines/{ground.authors}").json()["health"] == "healthy"


def test_an_admin_reconciles(ground: Ground, browser: Browser) -> None:
    dag_id = f"reconcile_{ground.notes}"
    ground.airflow.unpause(dag_id)
    known = ground.list_runs(dag_id).keys()
    with log_in(browser, User.admin(), f"pg2es/{ground.notes}", viewport={"width": 900, "height": 900}) as page:
        expect(page.get_by_role("figure").filter(has_text="Freshness").get_by_role("img")).to_be_visible()
        _run(page, "Reconcile")
        expect(page.get_by_role("status").get_by_text("success")).to_be_visible()
        page.get_by_role("tab", name="Reports").click()
        expect(page.get_by_role("table", name="Reports").get_by_role("row").nth(1)).to_contain_text("reconcile")
        page.get_by_role("link", name=f"{dag_id} in Airflow").click()
        expect(page).to_have_url(re.compile(rf"/dags/{dag_id}/runs/"))
    [new] = ground.list_runs(dag_id).keys() - known
    assert ground.airflow.call("GET", f"/dags/{dag_id}/dagRuns/{new}")["triggering_user_name"] == User.admin().name


def test_a_backfill_shows_how_far_it_is(ground: Ground, browser: Browser) -> None:
    ground.airflow.unpause(f"backfill_{ground.notes}")
    with log_in(browser, User.admin(), f"pg2es/{ground.notes}") as page:
        status = page.get_by_role("status").filter(has_text="in Airflow")
        with ground.held_lane(ground.notes, 0):
            _run(page, "Backfill")
            expect(status).to_contain_text("0 of 1 chunk")
            page.reload(wait_until="domcontentloaded")  # as somebody who comes by
            expect(status).to_contain_text("0 of 1 chunk")
            expect(status.get_by_role("progressbar")).to_be_visible()
        expect(status.get_by_text("success")).to_be_visible()


def test_a_button_of_a_paused_dag_says_so_and_starts_nothing(ground: Ground, browser: Browser) -> None:
    dag_id = f"rollback_{ground.notes}"
    known = ground.list_runs(dag_id).keys()
    ground.airflow._set_paused(dag_id, paused=True)
    try:
        with log_in(browser, User.admin(), f"pg2es/{ground.notes}") as page:
            page.get_by_role("button", name="Roll back").click()
            dialog = page.get_by_role("alertdialog")
            expect(dialog).to_contain_text(f"The DAG {dag_id} is paused, so a run would wait for ever.")
            expect(dialog.get_by_role("button", name="Roll back")).to_be_disabled()
            expect(dialog.get_by_role("link", name="Unpause it")).to_have_attribute(
                "href", re.compile(f"/dags/{dag_id}$")
            )
    finally:
        ground.airflow.unpause(dag_id)
    assert ground.list_runs(dag_id).keys() == known


def test_the_page_asks_again_only_after_an_answer(ground: Ground, browser: Browser) -> None:
    asked: list[Route] = []

    def keep(route: Route) -> None:  # and nobody answers
        asked.append(route)

    with log_in(browser, User.viewer(), "pg2es") as page:
        expect(_row(page, ground.notes)).to_be_visible()
        page.route("**/pg2es/api/overview", keep)
        page.clock.install()
        with page.expect_request("**/pg2es/api/overview"):
            page.reload(wait_until="domcontentloaded")
        expect(page.get_by_role("status", name="Loading").first).to_be_visible()
        page.clock.run_for(120_000)
        assert len(asked) == 1
        asked[0].continue_()
        expect(_row(page, ground.notes)).to_be_visible()
        with page.expect_request("**/pg2es/api/overview"):
            page.clock.run_for(15_000)
        page.unroute_all(behavior="ignoreErrors")


def test_a_plan_with_a_difference(ground: Ground, browser: Browser) -> None:
    ground.change_mapping(ground.notes, amount={"type": "keyword"})
    try:
        with log_in(browser, User.viewer(), f"pg2es/{ground.notes}") as page:
            differences = page.get_by_role("table", name="Differences")
            expect(differences.get_by_role("row").filter(has_text="field amount")).to_contain_text("to be tried")
    finally:
        ground.change_mapping(ground.notes, amount={"type": "integer"})


def test_elasticsearch_down_is_said_and_passes(ground: Ground, browser: Browser) -> None:
    stack = Stack()
    with log_in(browser, User.viewer(), "pg2es") as page:
        expect(_row(page, ground.notes)).to_be_visible()
        stack.kill("elasticsearch")
        try:
            with User.viewer().session() as viewer:
                answer = viewer.get("/pg2es/api/overview")
            assert answer.status_code == 503
            assert "Elasticsearch cannot be reached while reading the history" in answer.json()["detail"]
            # What was seen stays, and a word says that it is old.
            expect(page.get_by_role("alert")).to_contain_text("Elasticsearch cannot be reached")
            expect(_row(page, ground.notes)).to_be_visible()
            page.reload(wait_until="domcontentloaded")
            expect(page.get_by_role("alert")).to_contain_text("This cannot be shown")
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_role("alert")).to_contain_text("This cannot be shown")
        finally:
            stack.start("elasticsearch")
        expect(_row(page, ground.notes)).to_be_visible()  # it asks again by itself


def _row(page: Page, pipeline: str) -> Locator:
    link = page.get_by_role("link", name=pipeline, exact=True)
    return page.get_by_role("table", name="Pipelines").get_by_role("row").filter(has=link)


def _run(page: Page, action: str) -> None:
    """Click a button, say yes, and wait until the run has begun."""
    page.get_by_role("button", name=action).click()
    page.get_by_role("alertdialog").get_by_role("button", name=action).click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(page.get_by_role("link", name="in Airflow")).to_be_visible()


def _break(ground: Ground, sink: str) -> None:
    """Let the sink's task fail, with a trace."""
    cluster = ground.clients.connect
    config = cluster.config(sink)
    assert config
    cluster.update(sink, config | {"sql.documents": "SELECT nothing"})
    wait_for(
        lambda: (found := cluster.status(sink)) is not None and found.failed,
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"{sink} does not fail"),
    )


def _wait_until_running(ground: Ground, sink: str) -> None:
    wait_for(
        lambda: (found := ground.clients.connect.status(sink)) is not None and found.running,
        timeout_s=TIMEOUT_S,
        on_timeout=lambda: AssertionError(f"{sink} does not run"),
    )
