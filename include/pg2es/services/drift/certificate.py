"""Certificates: a comparison of every byte, put in writing with what it was about."""

from datetime import UTC, datetime

from pg2es import __version__
from pg2es.adapters import kafka
from pg2es.adapters.elasticsearch import read_version
from pg2es.adapters.postgres import read_identity, translate_errors
from pg2es.core.config import Pipeline
from pg2es.core.drift import Certificate
from pg2es.core.reports import ReportKind
from pg2es.services.clients import Clients
from pg2es.services.drift.comparison import compare
from pg2es.services.generations import require_live_generation
from pg2es.services.reports import write_report
from pg2es.services.stream import write_marker


def certify(clients: Clients, pipeline: Pipeline) -> Certificate:
    """Compare the live generation with PostgreSQL byte for byte, behind a barrier, and return what was found.

    It is among the reports, too. Raises GenerationError before the first backfill, IdentityMismatch when the index was
    made from another database, and what barrier, document SQL and servers raise.
    """
    started = datetime.now(UTC)
    live = require_live_generation(clients.elasticsearch, pipeline)
    source = clients.project.source_of(pipeline)
    with clients.session(source) as session, translate_errors(f"Pipeline {pipeline.name}"):
        identity, version = read_identity(session), session.info.server_version
        if mismatch := live.meta.find_mismatch(live.index, identity):
            raise mismatch
        lsn = write_marker(session)
    found = compare(clients, pipeline, live, checksums=True)
    searched = read_version(clients.elasticsearch)
    sides = {
        "rows": f"{live.made_from(pipeline).table} of PostgreSQL {version // 10000}.{version % 10000}, "
        f"{clients.postgres(source)}, system {identity}",
        "documents": f"{live.index}, alias {pipeline.alias}, of Elasticsearch {searched}",
        "recipe": f"{live.meta.recipe.fingerprint}: table, document SQL, key and mapping",
        "by": f"pg2es {__version__}",
    }
    waiting = kafka.count_open(clients.kafka, source.dead_letter_topic, source.replay_group)
    made = Certificate(pipeline.name, started, datetime.now(UTC), lsn, sides, found, waiting)
    outcome = "equal" if found.clean else "not equal"
    write_report(clients.elasticsearch, ReportKind.CERTIFICATE, pipeline.name, made.verdict, made.to_json(), outcome)
    return made
