"""Topics that others read with a schema registry: the sinks read what its converters write, and miss nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import fastavro
import httpx
import pytest
from confluent_kafka import Message

from pg2es.core.errors import ConnectorError
from pg2es.services import dead_letters
from pg2es.services.generations import require_live_generation
from pg2es.services.refresh.topic import request_all
from pg2es.services.stream import deploy, pass_barrier, remove_source
from stack import artifacts
from stack.config import load_config
from stack.launcher import Stack
from tests.integration.batch import check_equal, run_backfill
from tests.support import Database, ProjectFolder, remove_stream
from tests.topics import read_topic

WORKER = "connect-standalone"
REGISTRY = "registry"
MAPPING = {"mappings": {"dynamic": False, "properties": {"number": {"type": "long"}}}}
ROWS = 50


@pytest.fixture(scope="module")
def registry(stack_environment: dict[str, str]) -> Iterator[str]:
    """The address of a schema registry, which a worker's converters use; the worker is where connectors go to."""
    config = load_config()
    folders = (artifacts.require("plugins"), artifacts.SINK_PLUGINS, artifacts.require("registry/plugins"))
    # These converters are in no list of their jars' plugins, which is all that the stack's workers look at.
    places = {"plugin.path": ",".join(map(str, folders)), "plugin.discovery": "hybrid_warn"}
    stack = Stack(replace(config, settings={**config.settings, "connect": {**config.settings["connect"], **places}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PG2ES_CONNECT_URLS", config.url("connect_standalone"))
        try:
            stack.up([REGISTRY, WORKER])
            yield f"{config.url(REGISTRY)}/apis/registry/v2"
        finally:
            for name in (WORKER, REGISTRY):
                stack.kill(name)


@pytest.fixture
def folder(project_folder: ProjectFolder, registry: str) -> Iterator[ProjectFolder]:
    """A project whose stream goes at the end, while its worker is there."""
    yield project_folder
    remove_stream(project_folder.clients(), project_folder.source_model())


def options_of(converter: str, registry: str) -> dict[str, object]:
    """Return how a source names one of the converters."""
    return {
        "class": f"io.apicurio.registry.utils.converter.{converter}",
        "apicurio.registry.url": registry,
        "apicurio.registry.auto-register": True,
    }


def read_schema(registry: str, number: int) -> Any:
    """Return a schema of the registry."""
    return httpx.get(f"{registry}/ids/globalIds/{number}").raise_for_status().json()


def read_avro(registry: str, message: Message) -> Any:
    """Return what the Avro converter wrote; the number of the schema is in a header."""
    number = dict(message.headers() or [])["apicurio.value.globalId"]
    assert isinstance(number, bytes)
    schema = read_schema(registry, int.from_bytes(number, "big"))
    return fastavro.schemaless_reader(BytesIO(message.value() or b""), schema, None)


def read_json(registry: str, message: Message) -> Any:
    """Return what the JSON Schema converter wrote; the number of the schema stands beside it."""
    content = json.loads(message.value() or b"")
    assert read_schema(registry, content["schemaId"])["type"] == "struct"
    return content["payload"]


@pytest.mark.parametrize(("converter", "read"), [("AvroConverter", read_avro), ("ExtJsonConverter", read_json)])
def test_a_column_is_added_while_others_read_the_topic(
    converter: str, read: Callable[[str, Message], Any], folder: ProjectFolder, database: Database, registry: str
) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, number text, price numeric(10, 2), at timestamptz)",
        f"INSERT INTO public.notes SELECT n, n, n / 7.0, now() FROM generate_series(1, {ROWS}) n",
    )
    folder.change(f"sources/{folder.source}.yaml", events="full", converter=options_of(converter, registry))
    pipeline = folder.add_pipeline(
        "notes", "public.notes", document="SELECT id, number, price, at FROM root", mapping=MAPPING
    )
    clients, source = folder.clients(), folder.source_model()
    run_backfill(clients, pipeline)
    database.execute("UPDATE public.notes SET price = 1 WHERE id <= 3", "DELETE FROM public.notes WHERE id = 4")
    check_equal(clients, pipeline, ROWS - 1)
    database.execute("ALTER TABLE public.notes ADD author text DEFAULT 'nobody'")
    database.execute("INSERT INTO public.notes VALUES (0, 1, 2, now(), 'somebody')")
    database.execute("UPDATE public.notes SET price = 2 WHERE id = 1")
    check_equal(clients, pipeline, ROWS)

    # Each other reader sees whole rows, each by the schema that it was written with.
    changes = [read(registry, message) for message in read_topic(source.topic_of("public.notes"))]
    rows = {change["after"]["id"]: change["after"] for change in changes if change["after"]}
    assert "author" not in rows[2]
    assert (rows[0]["author"], rows[1]["author"], rows[1]["price"]) == ("somebody", "nobody", "2.00")

    # What Elasticsearch refuses waits as it was written, and comes back when its row is mended.
    database.execute("UPDATE public.notes SET number = 'none' WHERE id = 2")
    live = require_live_generation(clients.elasticsearch, pipeline)
    pass_barrier(clients, pipeline, live)
    [group] = dead_letters.list_groups(clients, source)
    assert (group.count, group.subject) == (1, "document 2")
    assert dead_letters.replay(clients, source).refused == 1
    database.execute("UPDATE public.notes SET number = '2' WHERE id = 2")
    assert dead_letters.replay(clients, source).resolved == 1
    check_equal(clients, pipeline, ROWS)

    # Requests go through the same converters.
    clients.elasticsearch.delete(index=live.index, id="2", refresh=True)
    request_all(clients, pipeline)
    check_equal(clients, pipeline, ROWS)
    database.execute("TRUNCATE public.notes", "INSERT INTO public.notes VALUES (1, 1, 1, now(), 'after')")
    check_equal(clients, pipeline, 1)
    assert dead_letters.list_groups(clients, source) == []


def test_what_was_written_by_another_converter_is_not_guessed(
    folder: ProjectFolder, database: Database, registry: str
) -> None:
    database.execute(
        "CREATE TABLE public.notes (id bigint PRIMARY KEY, number text)",
        f"INSERT INTO public.notes SELECT n, n FROM generate_series(1, {ROWS}) n",
    )
    pipeline = folder.add_pipeline("notes", "public.notes")
    run_backfill(folder.clients(), pipeline)
    folder.change(f"sources/{folder.source}.yaml", converter=options_of("AvroConverter", registry))
    clients, source = folder.clients(), folder.source_model()
    with pytest.raises(ConnectorError, match=r"was written by .*JsonConverter, which .*AvroConverter cannot read"):
        deploy(clients, source)
    database.execute("UPDATE public.notes SET number = 'changed'")
    check_equal(clients, pipeline, ROWS)

    # The way that the sentence names.
    remove_source(clients, source)
    database.execute("UPDATE public.notes SET number = 'changed while there was no stream'")
    run_backfill(clients, pipeline)
    database.execute("DELETE FROM public.notes WHERE id = 1")
    check_equal(clients, pipeline, ROWS - 1)
