"""Which connectors belong to a source: by the names of its pipelines' generations, and by what the connectors say."""

from pg2es.core.config import Pipeline, Source
from pg2es.core.errors import ConnectorError
from pg2es.core.generations import generation_of_sink, is_sink_of
from pg2es.core.stream import feeds_from
from pg2es.services.clients import Clients


def find_connectors(clients: Clients, source: Source, pipeline: Pipeline | None) -> list[str]:
    """Return the connectors that are there: the source's and all sinks that read it, or the sinks of one pipeline.

    Sinks of a pipeline whose file is gone or cannot be used are among those that read the source.
    """
    if pipeline and pipeline.source != source.name:
        raise ConnectorError(f"Pipeline {pipeline.name} reads source {pipeline.source}, not {source.name}.")
    configs = dict(sorted(clients.connect.list_configs().items()))
    if pipeline:
        return [name for name in configs if is_sink_of(pipeline.alias, name)]
    aliases = [one.alias for one in clients.project.pipelines_of(source)]
    own = [name for name in configs if name == source.connector]
    return own + [
        name
        for name, config in configs.items()
        if feeds_from(source, config) or any(is_sink_of(alias, name) for alias in aliases)
    ]


def find_fed_indices(clients: Clients, source: Source) -> list[str]:
    """Return the indices that sinks feed from the source, whatever the files say."""
    configs = clients.connect.list_configs()
    return [generation_of_sink(name) for name, config in sorted(configs.items()) if feeds_from(source, config)]
