"""The peer: PGSync on the same servers, over the same table, in whichever of its two modes is faster.

It needs redis-server (Debian) and makes an environment of its own for PGSync (PyPI).
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from bench.backfill import fill_new_generation
from bench.ground import DATABASE, MAPPING, Ground, prepare_ground, superuser
from bench.polling import poll
from bench.results import Result
from bench.stream import backfill_all, time_stream
from stack.config import load_config
from stack.redis import run_redis

PGSYNC = "pgsync==7.3.0"
ROWS = 100_000
PATIENCE_S = 300
INDEX = "bench-peer"
MODES = {"triggers": ["--daemon"], "wal": ["--wal"]}
SETTINGS = {
    "NUM_WORKERS": "2",
    "ELASTICSEARCH_THREAD_COUNT": "2",
    "ELASTICSEARCH_CHUNK_SIZE": "2000",
    "ELASTICSEARCH_HTTP_COMPRESS": "false",
    "POLL_TIMEOUT": "0.01",
    "REDIS_READ_CHUNK_SIZE": "10000",
    "REDIS_WRITE_CHUNK_SIZE": "10000",
    "LOG_LEVEL": "ERROR",
    "GENERAL_LOGGING_LEVEL": "ERROR",
    "CONSOLE_LOGGING_HANDLER_MIN_LEVEL": "ERROR",
}
"""Those that differ from its own and made it faster, or its log quieter."""

# The embedded Elasticsearch does not answer GET /, which its client asks first.
_MAIN = """\
import runpy, sys
from pathlib import Path
import elasticsearch
elasticsearch.Elasticsearch.info = lambda self, **_: {"version": {"number": "8.19.0"}}
elasticsearch.transport.Transport._do_verify_elasticsearch = lambda self, **_: None
program = sys.argv.pop(1)
runpy.run_path(str(Path(sys.executable).parent / program), run_name="__main__")
"""


def measure_peer() -> dict[str, Result]:
    """Return our rates of a backfill and of one large UPDATE ÷ those of PGSync, which take turns on the machine."""
    folder = load_config().data / "peer"
    python = _install(folder)
    with prepare_ground(ROWS) as ground, run_redis(folder) as redis_port:
        ours_filled = ROWS / fill_new_generation(ground)
        backfill_all(ground)
        ours_streamed = max(ROWS / time_stream(ground, number) for number in (1, 2, 3))
        ground.remove_stream()
        peer = _Peer(ground, folder, python, redis_port)
        filled = max(ROWS / peer.time_fill() for _ in range(2))
        streamed = {mode: peer.measure_stream(mode) for mode in MODES}
    print(f"  PGSync: {filled:,.0f} docs/s, {streamed} changes/s; pg2es: {ours_filled:,.0f}, {ours_streamed:,.0f}")
    return {
        "pgsync_backfill_docs_per_s": Result(round(filled), "docs/s", None, "higher"),
        "pgsync_stream_changes_per_s": Result(round(max(streamed.values())), "changes/s", None, "higher"),
        "backfill_vs_pgsync": Result(round(ours_filled / filled, 2), "ratio", 3.5, "higher"),
        "stream_vs_pgsync": Result(round(ours_streamed / max(streamed.values()), 2), "ratio", 3.5, "higher"),
    }


class _Peer:
    """PGSync over the ground's table."""

    def __init__(self, ground: Ground, folder: Path, python: Path, redis_port: int) -> None:
        self._ground = ground
        self._python = python
        self._folder = folder
        stack = load_config().environment()
        user, password = (stack[f"PG2ES_POSTGRES_SUPERUSER{part}"] for part in ("", "_PASSWORD"))
        server = f"{stack['PG2ES_POSTGRES_HOST']}:{stack['PG2ES_POSTGRES_PORT']}"
        elastic = stack["PG2ES_ELASTICSEARCH_URLS"].split(",")[0].removeprefix("http://")
        credentials = ":".join(quote(stack[f"PG2ES_ELASTICSEARCH_{part}"], safe="") for part in ("USER", "PASSWORD"))
        self._environment = (
            os.environ
            | SETTINGS
            | {
                "PG_URL": f"postgresql://{user}:{quote(password, safe='')}@{server}/{DATABASE}",
                "PG_DATABASE": DATABASE,
                "ELASTICSEARCH_URL": f"http://{credentials}@{elastic}",
                "REDIS_PORT": str(redis_port),
                "PYTHONPATH": "",
            }
        )
        mapping = json.loads(MAPPING)
        schema = {
            "database": DATABASE,
            "index": INDEX,
            "setting": mapping["settings"],
            "mapping": mapping["mappings"]["properties"],
            "nodes": {"table": "flat", "schema": "public"},
        }
        (folder / "schema.json").write_text(json.dumps([schema]))
        (folder / "main.py").write_text(_MAIN)

    def time_fill(self) -> float:
        """From its start to its end, and until all is searchable; set up before."""
        self._reset()
        started = time.monotonic()
        self._start().wait(PATIENCE_S)
        poll(lambda: self._count({"match_all": {}}) == ROWS, PATIENCE_S)
        return time.monotonic() - started

    def measure_stream(self, mode: str) -> float:
        """Changes/s of the faster of two UPDATEs of every row."""
        self._reset()
        self._start().wait(PATIENCE_S)
        process = self._start(*MODES[mode])
        try:
            self._time_update(1)  # until it listens, and warm
            return max(ROWS / self._time_update(number) for number in (2, 3))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _time_update(self, number: int) -> float:
        started = time.monotonic()
        with superuser(DATABASE) as session:  # its triggers ask for rights that the table's owner has not
            session.execute("UPDATE public.flat SET seq = %s", [number])
        poll(lambda: self._count({"term": {"seq": number}}) == ROWS, PATIENCE_S)
        return time.monotonic() - started

    def _count(self, query: dict[str, object]) -> int:
        client = self._ground.clients.elasticsearch
        client.indices.refresh(index=INDEX)
        return int(client.count(index=INDEX, query=query)["count"])

    def _reset(self) -> None:
        """Remove what it has made, and let it make its triggers and its slot anew."""
        self._run("--teardown")
        self._ground.clients.elasticsearch.indices.delete(index=INDEX, ignore_unavailable=True)
        self._run()

    def _command(self, program: str, *options: str) -> list[str]:
        return [str(self._python), "main.py", program, "--config", "schema.json", *options]

    def _run(self, *options: str) -> None:
        command = self._command("bootstrap", *options)
        with (self._folder / "bootstrap.log").open("wb") as log:
            subprocess.run(command, cwd=self._folder, env=self._environment, check=True, stdout=log, stderr=log)

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        command = self._command("pgsync", *options)
        log = (self._folder / "pgsync.log").open("wb")
        return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)


def _install(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", PGSYNC], check=True)
    return python
