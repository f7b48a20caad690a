"""The converter of the tables' topics: Kafka Connect writes change events by it, and reads them by the same."""

import re
from types import MappingProxyType

from pg2es.core.config.references import refuse_secrets

CLASS = "class"
JSON_CONVERTER = MappingProxyType(
    {
        CLASS: "org.apache.kafka.connect.json.JsonConverter",
        "schemas.enable": "false",
        # Else a NULL would be told as its column's default, and lead to other roots.
        "replace.null.with.default": "false",
    }
)

_WRITES_JSON = re.compile(r"\.ExtJsonConverter$")
_TAKES_FEW_NAMES = re.compile(r"avro|protobuf", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_converter(options: dict[str, str]) -> dict[str, str]:
    """Return the options; ValueError when they name no class, or hold a secret itself."""
    if not options.get(CLASS):
        raise ValueError("names no class; write class: and the name of a converter that the workers have")
    return refuse_secrets(options)


def reads(options: dict[str, str]) -> dict[str, str]:
    """Return the converter by which sinks read what a converter has written, with its options.

    It is the same but for Apicurio's of JSON Schema: that writes plain JSON, and cannot read a record without a value.
    """
    return dict(JSON_CONVERTER) if _WRITES_JSON.search(options[CLASS]) else options


def tells_null(options: dict[str, str]) -> bool:
    """Return whether events of a converter tell a NULL from the default of its column."""
    return options.get("replace.null.with.default") == "false" or options.get("ignore.default.for.nullables") == "true"


def can_name(options: dict[str, str], column: str) -> bool:
    """Return whether a column can keep its name in the events that a converter writes."""
    return not _TAKES_FEW_NAMES.search(options[CLASS]) or _PLAIN_NAME.fullmatch(column) is not None
