"""`pg2es grants`: rights for an administrator to give."""

import sys

from pg2es.core import grants as rights
from pg2es.core.config import Project, Source, resolve
from pg2es.core.errors import ConfigError
from pg2es.core.grants import Server


def grants(project: Project, server: Server, *, batch: str | None, workers: str) -> None:
    """Print what is run on a kind of server, all of it: it can be handed to psql, Kibana's console or a shell.

    `batch` and `workers` are principals of Kafka; the first is by default the user that logs in there.
    """
    if server is Server.POSTGRES:
        text = "\n".join(_postgres(project, source) for source in _sources(project))
    elif server is Server.ELASTICSEARCH:
        text = rights.elasticsearch(project.platform.elasticsearch, project.pipelines.values())
    else:
        text = _kafka(project, batch or _kafka_user(project), workers)
    sys.stdout.write(f"{text}\n")


def _sources(project: Project) -> list[Source]:
    return [project.sources[name] for name in sorted(project.sources)]


def _postgres(project: Project, source: Source) -> str:
    file = project.source_file(source)
    role = resolve(source.postgres.user, file=file, key="postgres.user")
    database = resolve(source.postgres.database, file=file, key="postgres.database")
    statements = rights.postgres(source, project.pipelines_of(source), role=role, database=database)
    return f"""\
-- Source {source.name}: role {role} in database {database}. Give the role its password by \\password.
-- What document SQL reads besides these tables is granted likewise; pg2es validate --connect names what is missing.
{statements}"""


def _kafka(project: Project, batch: str, workers: str) -> str:
    bootstrap = resolve(project.platform.kafka.bootstrap, file=project.platform_file, key="kafka.bootstrap")
    rules = [
        rule
        for source in _sources(project)
        for rule in rights.kafka_rules(source, project.pipelines_of(source), batch=batch, workers=workers)
    ]
    return rights.kafka(rules, bootstrap)


def _kafka_user(project: Project) -> str:
    file, key = project.platform_file, "kafka.properties"
    user = project.platform.kafka.properties.get("sasl.username")
    if user is None:
        raise ConfigError(file, key, "there is no sasl.username; say with --batch as whom Kafka knows pg2es")
    return f"User:{resolve(user, file=file, key=f'{key}.sasl.username')}"
