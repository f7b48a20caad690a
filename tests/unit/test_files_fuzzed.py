"""Whatever stands in the files: there is a project, or a sentence for each that cannot be used. Never a traceback."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pg2es.core.config import Pipeline, Platform, Source, load_project
from pg2es.core.config.files import load_model
from pg2es.core.config.references import resolve
from pg2es.core.errors import ConfigError

FILES = {
    "platform.yaml": "elasticsearch: {urls: 'http://u', user: u, password: '${env:P}', sink_user: s, "
    "sink_password: '${env:P}'}\nkafka: {bootstrap: k}\nconnect: {urls: 'http://c'}",
    "sources/shop.yaml": "postgres: {host: h, database: d, user: u, password: '${env:P}'}",
    "pipelines/orders.yaml": "source: shop\ntable: public.orders\ndocument: orders.sql",
    "pipelines/sound.yaml": "source: shop\ntable: public.sound\nmapping: sound.json",
    "documents/orders.sql": "SELECT * FROM root;",
    "mappings/orders.json": '{"mappings": {"dynamic": false}}',
    "mappings/sound.json": "{}",
}
OF_ORDERS = ("pipelines/orders.yaml", "documents/orders.sql", "mappings/orders.json")
FAST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
yaml_texts = st.text("abc:-[]{}&*!|>'\"#%@`?, \n\t\\0123<=~", max_size=40)
"""Letters that mean something in YAML and JSON."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        for file, content in FILES.items():
            path = Path(name, file)
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        yield Path(name)


def check(folder: Path, file: str, content: bytes) -> None:
    """A pipeline's file stops nobody else; what it says is used, or set aside with a sentence that can be printed."""
    path = folder / file
    path.write_bytes(content)
    try:
        project = load_project(folder)
    except ConfigError as error:
        assert file == "platform.yaml"
        str(error).encode()
    else:
        if file in OF_ORDERS:
            assert "sound" in project.pipelines
            assert ("orders" in project.pipelines) != any(one.name == "orders" for one in project.aside)
        for one in project.aside:
            str(one.error).encode()
    finally:
        path.write_text(FILES[file], encoding="utf-8")


@FAST
@given(file=st.sampled_from(sorted(FILES)), content=st.binary(max_size=40) | yaml_texts.map(str.encode))
@example(file="pipelines/orders.yaml", content=b"a: !!int ''")
@example(file="pipelines/orders.yaml", content=b"a: !!bool perhaps")
@example(file="pipelines/orders.yaml", content=b"a: !!timestamp soon")
@example(file="pipelines/orders.yaml", content=b"a: 0001-01-01 00:00:00 +23:59")
@example(file="pipelines/orders.yaml", content=b"a: 2024-99-99")
@example(file="pipelines/orders.yaml", content=b"source: &a [*a]\ntable: a.b")
@example(file="pipelines/orders.yaml", content=b"? [a]\n: b")
@example(file="pipelines/orders.yaml", content=b'source: shop\ntable: a.b\ndocument: "a\\0b"')
@example(file="pipelines/orders.yaml", content=b'source: shop\ntable: a.b\ndocument: "\\uD800"')
@example(file="pipelines/orders.yaml", content=b'source: shop\ntable: a.b\n"\\uD800": 1')
@example(file="pipelines/orders.yaml", content=b"source: shop\ntable: a.b\ndocument: ''")
@example(file="sources/shop.yaml", content=b"postgres: {port: 0x" + b"f" * 5000 + b"}")
@example(file="mappings/orders.json", content=b'{"settings": ' + b'{"a": ' * 3000 + b"1" + b"}" * 3001)
@example(file="mappings/orders.json", content=b'{"mappings": {"\\ud800": 1}}')
def test_any_bytes_in_any_file(folder: Path, file: str, content: bytes) -> None:
    check(folder, file, content)


@FAST
@given(
    file=st.sampled_from([name for name in sorted(FILES) if name.endswith(".yaml")]),
    key=st.sampled_from(sorted({*Pipeline.model_fields, *Source.model_fields, *Platform.model_fields} - {"name"})),
    value=trees,
)
def test_any_value_under_any_key(folder: Path, file: str, key: str, value: Any) -> None:
    content = yaml.safe_dump(yaml.safe_load(FILES[file]) | {key: value}, allow_unicode=False)
    check(folder, file, content.encode())


@FAST
@given(content=trees)
def test_any_mapping(folder: Path, content: Any) -> None:
    check(folder, "mappings/orders.json", json.dumps(content, default=str).encode())


@FAST
@given(model=st.sampled_from([Pipeline, Source, Platform]), content=st.dictionaries(st.text(max_size=6), trees))
def test_any_content_of_a_model(model: type[Pipeline | Source | Platform], content: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load_model(Path("a.yaml"), model, content)


@FAST
@given(text=st.text("${}:envfil/\\a=0", max_size=30) | st.sampled_from(["${env:a\0}", "${file:\0:a}", "${file:/:a}"]))
@example(text="${file:\ud800:a}")
@example(text="${env:\ud800}")
@example(text="${env:a=b}")
def test_any_reference(text: str) -> None:
    try:
        resolve(text, file=Path("a.yaml"), key="key")
    except ConfigError as error:
        str(error).encode()


@FAST
@given(content=st.binary(max_size=40))
def test_any_file_of_secrets(folder: Path, content: bytes) -> None:
    (folder / "secrets.properties").write_bytes(content)
    try:
        resolve(f"${{file:{folder}/secrets.properties:a}}", file=Path("a.yaml"), key="key")
    except ConfigError as error:
        str(error).encode()
