"""The dashboard asks for what is exported, and shows all that pg2es exports; Prometheus finds it where it listens."""

import re

import yaml

from pg2es.core.monitoring import MEANINGS
from tests.dashboard import DASHBOARD, read_names, read_queries
from tests.support import CHECKOUT
from tests.unit.test_compose import SERVICES

EXPORTED = {f"pg2es_{name}" for name in MEANINGS}
RULES = yaml.safe_load((CHECKOUT / "stack/files/jmx-exporter.yml").read_text(encoding="utf-8"))["rules"]
PROMETHEUS = yaml.safe_load((CHECKOUT / "compose/prometheus/prometheus.yml").read_text(encoding="utf-8"))


def test_every_figure_of_pg2es_is_shown() -> None:
    assert EXPORTED - read_names() == set()


def test_nothing_is_asked_for_that_nobody_exports() -> None:
    # Whether an MBean of that name is there, tests/integration/test_export.py sees at a worker.
    patterns = [re.sub(r"\$\d", r"\\w+", rule["name"]) for rule in RULES]
    unknown = {
        name
        for name in read_names() - EXPORTED
        if not name.startswith("jvm_") and not any(re.fullmatch(pattern, name) for pattern in patterns)
    }
    assert unknown == set()


def test_counters_are_asked_for_their_growth() -> None:
    for query in read_queries():
        counters = re.findall(r"(\w+\()?\b\w+_total\b", query)
        assert set(counters) <= {"rate(", "increase("}, query


def test_panels_lie_side_by_side_and_each_asks_the_chosen_prometheus() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"


def test_prometheus_scrapes_where_somebody_listens() -> None:
    agent = (CHECKOUT / "compose/connect/start.sh").read_text(encoding="utf-8")
    jobs = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    [listen] = [word for word in SERVICES["metrics"]["command"] if ":" in word]
    assert jobs["pg2es"]["static_configs"] == [{"targets": [f"metrics:{listen.split(':')[1]}"]}]
    assert jobs["pg2es"]["basic_auth"]["username"] == SERVICES["metrics"]["environment"]["PG2ES_METRICS_USER"]
    [secret] = SERVICES["prometheus"]["secrets"]
    assert jobs["pg2es"]["basic_auth"]["password_file"] == f"/run/secrets/{secret}"
    [targets] = [found["targets"] for found in jobs["connect"]["static_configs"]]
    assert targets == ["connect-1:9404", "connect-2:9404"]
    assert "jmx_prometheus_javaagent.jar=9404:" in agent


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    folder = CHECKOUT / "compose/grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((folder / "dashboards/pg2es.yml").read_text(encoding="utf-8"))["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./compose/grafana/pg2es.json"] == f"{provider['options']['path']}/pg2es.json"
