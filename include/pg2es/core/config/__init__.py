"""The configuration: what the files in `sources/`, `pipelines/` and `platform.yaml` say, as checked models.

    files, references ──▶ source, platform, pipeline ──▶ project
    YAML, ${env:…}        one model for each kind         all of them, checked against each other

Here belongs what a key of a file means, its default, and the sentence that refuses a wrong value. What a model implies
for servers (an index, a connector) belongs to the room of that thing. Secrets stay references until a client is made.
"""

from pg2es.core.config.addresses import check_urls
from pg2es.core.config.converter import CLASS, can_name, reads, tells_null
from pg2es.core.config.files import FileModel, resolve_entries, resolve_fields
from pg2es.core.config.pipeline import (
    MOST_LANES,
    OnSchemaChange,
    Pipeline,
    Related,
    Tolerance,
    Verification,
    flatten_settings,
)
from pg2es.core.config.platform import ElasticsearchSettings, Platform, PlatformMonitor
from pg2es.core.config.project import Project, SetAside, load_project
from pg2es.core.config.references import find_reference, is_secret, resolve
from pg2es.core.config.source import LAST_PORT, Events, OnFailover, Source
from pg2es.core.config.texts import check_readable

__all__ = [
    "CLASS",
    "LAST_PORT",
    "MOST_LANES",
    "ElasticsearchSettings",
    "Events",
    "FileModel",
    "OnFailover",
    "OnSchemaChange",
    "Pipeline",
    "Platform",
    "PlatformMonitor",
    "Project",
    "Related",
    "SetAside",
    "Source",
    "Tolerance",
    "Verification",
    "can_name",
    "check_readable",
    "check_urls",
    "find_reference",
    "flatten_settings",
    "is_secret",
    "load_project",
    "reads",
    "resolve",
    "resolve_entries",
    "resolve_fields",
    "tells_null",
]
