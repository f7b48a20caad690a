"""A healthy look of the monitor at a small project; tests change what they are about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pg2es.core.config import Project, load_project
from pg2es.core.monitoring import Cluster, ConnectorStatus, Delay, Node, PipelineStatus, Run, Slot, SourceStatus, Status

AT = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RUNNING = ConnectorStatus("RUNNING", ("RUNNING",), ())
FAILED = ConnectorStatus("RUNNING", ("RUNNING", "FAILED"), ("ConnectException: the table is gone",))
PAUSED = ConnectorStatus("PAUSED", ("PAUSED",), ())
MIB = 1024 * 1024
SINK = "pg2es-sink-orders-000002"
SOURCE = SourceStatus("shop", True, RUNNING, Slot(True, 100 * MIB, 10), Delay(900, True), 0)
PIPELINE = PipelineStatus(
    "orders", "orders-000002", SINK, {SINK: RUNNING}, {"shop.public.orders-0": 5}, Delay(2_000, True), None,
    {"reconcile": Run(AT - timedelta(hours=1), "equal", "")},
)  # fmt: skip
HEALTHY = Status(
    AT, 2.5, {"http://a": None, "http://b": None}, 1, Cluster("green", (Node("n1", 60, 5000 * MIB, 3000 * MIB),)),
    {"n1": 0}, (SOURCE,), (PIPELINE,), True, frozenset({"shop"}), (),
)  # fmt: skip


def make_project(folder: Path) -> Project:
    """Return source `shop`, pipeline `orders`; the limits are the defaults."""
    files = {
        "platform.yaml": "elasticsearch: {urls: [u], user: u, password: '${env:P}', sink_user: s, "
        "sink_password: '${env:P}'}\nkafka: {bootstrap: b}\nconnect: {urls: [c]}",
        "sources/shop.yaml": "postgres: {host: h, database: d, user: u, password: '${env:P}'}",
        "pipelines/orders.yaml": "source: shop\ntable: public.orders",
        "mappings/orders.json": "{}",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return load_project(folder)
