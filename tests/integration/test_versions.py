"""An upgrade, worker by worker: the wrong order is refused, the right one never stops the stream."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg2es.core import versions
from pg2es.core.errors import ConnectorError
from pg2es.core.monitoring import Kind
from pg2es.core.stream import SINK_CLASS
from pg2es.services import stream
from stack import artifacts
from stack.launcher import Stack
from tests.integration.streamed import Streamed
from tests.support import Database, ProjectFolder

WORKERS = ("connect-1", "connect-2")
NEXT = "99.0.0"


def make_plugin(folder: Path, version: str) -> Path:
    """Return a folder of plugins whose sink says that it has a version, and is otherwise the one of this checkout."""
    plugins = folder / "plugins"
    shutil.copytree(artifacts.SINK_PLUGINS, plugins)
    [jar] = plugins.rglob("pg2es-connect*.jar")
    old = jar.rename(jar.with_suffix(".old"))
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(jar, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "META-INF/MANIFEST.MF":
                lines = content.decode().splitlines(keepends=True)
                told = (f"Implementation-Version: {version}\r\n" if "Implementation-Version" in x else x for x in lines)
                content = "".join(told).encode()
            target.writestr(entry, content)
    old.unlink()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    return plugins


def restart(worker: str) -> None:
    stack = Stack()
    stack.kill(worker)
    stack.start(worker)


@pytest.fixture
def upgradable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers that are restarted have the next version of the sink; at the end they have that of this checkout."""
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)  # the workers run as another user
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "SINK_PLUGINS", make_plugin(tmp_path / "next", NEXT))
        yield
    for worker in WORKERS:
        restart(worker)


@pytest.fixture
def streamed(streamed_folder: ProjectFolder, database: Database) -> Streamed:
    return Streamed(streamed_folder, database)


def deploy(streamed: Streamed, **options: int) -> None:
    streamed.folder.change("pipelines/parts.yaml", stream=options)
    stream.deploy(streamed.clients, streamed.source)


def told(streamed: Streamed) -> list[str]:
    return list(streamed.clients.connect.plugin_versions(SINK_CLASS).values())


def test_airflow_before_the_workers_is_the_wrong_order(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    [ours] = {*told(streamed)}
    assert streamed.breaches() == {}
    monkeypatch.setattr(versions, "__version__", NEXT)
    breach = streamed.breaches()[Kind.VERSION]
    assert f"has version {ours} of the pg2es sink, older than this pg2es, {NEXT}" in breach.sentence
    with pytest.raises(ConnectorError, match="until every worker has it, no sink is made or changed"):
        deploy(streamed, batch_roots=500)
    streamed.change("while the order was wrong")
    streamed.check_equal()


@pytest.mark.long
@pytest.mark.usefixtures("upgradable")
def test_worker_by_worker(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    [ours] = {*told(streamed)}
    restart(WORKERS[0])
    streamed.change("while the workers differ")
    streamed.check_equal()
    assert told(streamed) == [NEXT, ours]
    monkeypatch.setattr(versions, "__version__", NEXT)
    with pytest.raises(ConnectorError, match=f"Worker {streamed.clients.connect.urls[1]} has version {ours}"):
        deploy(streamed, batch_roots=500)

    restart(WORKERS[1])
    assert told(streamed) == [NEXT, NEXT]
    deploy(streamed, batch_roots=500)
    streamed.change("after the upgrade")
    streamed.check_equal()
    assert streamed.breaches() == {}

    monkeypatch.setattr(versions, "__version__", ours)  # an Airflow that was left behind goes on
    assert f"has version {NEXT} of the pg2es sink, newer than this pg2es" in streamed.breaches()[Kind.VERSION].sentence
    deploy(streamed, batch_roots=400)
    streamed.change("with an older pg2es beside it")
    streamed.check_equal()
