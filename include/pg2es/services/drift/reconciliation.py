"""Reconciliation: proves that the live generation equals PostgreSQL, and makes it so where it does not.

    sums of both sides ──▶ suspects ──▶ judged behind a barrier ──▶ drift ──▶ guard ──▶ repair ──▶ judged again
    stored bytes (deep) ──▲

Nothing is locked and nothing waits for a quiet moment. A clean run is one statement of PostgreSQL and one aggregation
of Elasticsearch; only what differs costs more. A repair is a refresh, so it may be killed and run again.
"""

import logging
import time

from pg2es.adapters.elasticsearch import find_altered, indices
from pg2es.adapters.postgres import Session, read_identity, translate_errors
from pg2es.core.config import Pipeline
from pg2es.core.drift import Comparison, Deep, DeepRead, Outcome, Reconciliation
from pg2es.core.errors import DriftFound
from pg2es.core.reports import ReportKind
from pg2es.services import preflight
from pg2es.services.clients import Clients
from pg2es.services.drift.digests import note_differing
from pg2es.services.drift.suspects import Suspects
from pg2es.services.generations import Generation, require_live_generation
from pg2es.services.refresh import Refresher, Target, scheduler
from pg2es.services.reports import read_reports, write_report
from pg2es.services.stream import write_marker
from pg2es.services.tables import read_tables

log = logging.getLogger(__name__)

SAMPLE = 20
"""Rejected documents that are named one by one."""

REMEMBERED = 100
"""Reports that are looked through for the part that was read last."""


def reconcile(
    clients: Clients,
    pipeline: Pipeline,
    *,
    deep: Deep,
    repair: bool | None = None,
    max_repair_fraction: float | None = None,
) -> Reconciliation:
    """Compare the live generation with PostgreSQL, repair what differs, and report what was found.

    `repair`, `max_repair_fraction`: None: as the pipeline file says. Raises GenerationError before the first backfill,
    and what barrier, document SQL and servers raise.
    """
    started = time.monotonic()
    if repair is None:
        repair = pipeline.reconcile.repair
    if max_repair_fraction is None:
        max_repair_fraction = pipeline.reconcile.max_repair_fraction
    generation = require_live_generation(clients.elasticsearch, pipeline)
    source = clients.project.source_of(pipeline)
    with clients.session(source) as session, clients.session(source) as refreshing:
        done = _begin(session, generation, pipeline)
        if done.outcome is not Outcome.REWOUND:
            sql = read_tables(session, generation.made_from(pipeline)).sql
            suspects = Suspects(clients, session, sql, generation, done.lsn)
            _find(suspects, done, _choose_part(clients, pipeline, deep))
            _decide(clients, pipeline, done, repair=repair, max_repair_fraction=max_repair_fraction)
            if done.outcome is Outcome.REPAIRED:
                target = Target(generation.index, generation.meta, sql)
                schedule = scheduler(clients, pipeline, generation.index)
                _repair(Refresher(refreshing, clients.elasticsearch, target, schedule), suspects, done)
    if done.outcome.is_good and done.found.unreadable:
        done.outcome = Outcome.UNREADABLE
        done.advice = f"{done.found.describe_unreadable()} Correct the rows or the document SQL; replay dead letters."
    done.seconds = time.monotonic() - started
    write_report(clients.elasticsearch, ReportKind.RECONCILE, pipeline.name, str(done), done.to_json(), done.outcome)
    return done


def make_equal(clients: Clients, pipeline: Pipeline) -> Reconciliation:
    """Repair whatever differs, however much; DriftFound when something still differs."""
    done = reconcile(clients, pipeline, deep=Deep.NONE, repair=True, max_repair_fraction=1)
    check(done)
    return done


def check(done: Reconciliation) -> None:
    """Raise DriftFound unless both sides are equal now."""
    if not done.outcome.is_good:
        raise DriftFound(str(done))


def _begin(session: Session, generation: Generation, pipeline: Pipeline) -> Reconciliation:
    """Return a reconciliation with nothing found yet; rewound, when this is another database."""
    with translate_errors(f"Pipeline {pipeline.name}"):
        identity = read_identity(session)
        lsn = write_marker(session)
    done = Reconciliation(pipeline.name, generation.index, lsn, 0, Comparison(pipeline.name, generation.index))
    if mismatch := generation.meta.find_mismatch(generation.index, identity):
        done.outcome = Outcome.REWOUND
        done.advice = str(mismatch)
    return done


def _choose_part(clients: Clients, pipeline: Pipeline, deep: Deep) -> tuple[int, int] | None:
    """Return which part of how many to read whole: the one after that of the last run that read one."""
    if deep is Deep.NONE:
        return None
    parts = 1 if deep is Deep.ALL else pipeline.reconcile.deep_runs
    if parts == 1:
        return 0, 1
    reports = read_reports(clients.elasticsearch, kind=ReportKind.RECONCILE, pipeline=pipeline.name, limit=REMEMBERED)
    before = (report["details"].get("deep") or {} for report in reports)
    return next(((deep["part"] + 1) % parts for deep in before if deep.get("parts") == parts), 0), parts


def _find(suspects: Suspects, done: Reconciliation, part: tuple[int, int] | None) -> None:
    """Compare digests, read the part of the documents, and judge what differs."""
    client, index = suspects.clients.elasticsearch, done.index
    indices.refresh_index(client, index)
    note_differing(suspects)
    if part:
        altered = find_altered(client, index, *part)
        done.deep = DeepRead(altered.documents, *part)
        for identifier in altered.ids:
            suspects.note_altered(identifier)
    done.ignored = indices.count_matches(client, index, {"exists": {"field": "_ignored"}})
    done.found = suspects.judge()
    done.documents = done.found.equal + done.found.drifted + done.found.in_flight


def _decide(
    clients: Clients, pipeline: Pipeline, done: Reconciliation, *, repair: bool, max_repair_fraction: float
) -> None:
    """Set the outcome; REPAIRED is what it is going to be."""
    found = done.found
    if found.drifted == 0:
        return
    if found.rewound:
        done.outcome = Outcome.REWOUND
        done.advice = (
            f"{found.rewound:,} documents have versions above the LSN of this database: it was restored or failed "
            f"over and has lost what they show. A refresh cannot replace them; run the DAG reindex_{pipeline.name}."
        )
    elif not repair:
        done.outcome = Outcome.DRIFT
        done.advice = f"Run `pg2es reconcile {pipeline.name}`, or the DAG reconcile_{pipeline.name} with repair."
    elif found.drifted > max_repair_fraction * done.documents:
        done.outcome = Outcome.TOO_MUCH
        done.advice = _explain(clients, pipeline, found.drifted / done.documents, max_repair_fraction)
    else:
        done.outcome = Outcome.REPAIRED


def _explain(clients: Clients, pipeline: Pipeline, fraction: float, limit: float) -> str:
    """Return why so much may differ, as far as the plan knows, and what to run."""
    plan = preflight.plan(clients, pipeline)
    reasons = "; ".join(str(difference) for difference in plan.differences)
    likely = (
        f"The plan says {plan.verdict.value}: {reasons}."
        if reasons
        else "The plan finds nothing: somebody changed the index or let the alias point elsewhere, the database was "
        "restored, or the stream has lost changes."
    )
    return (
        f"{fraction:.1%} of the documents differ, more than max_repair_fraction = {limit:.1%}: nothing was repaired. "
        f"{likely} Run the DAG reindex_{pipeline.name}, or repair nevertheless with a higher max_repair_fraction."
    )


def _repair(refresher: Refresher, suspects: Suspects, done: Reconciliation) -> None:
    """Refresh what drifted, and judge it again."""
    drifted = [identifier for ids in done.found.ids.values() for identifier in ids]
    log.info("Repairing %d documents", len(drifted))
    outcome = refresher.refresh_ids(drifted)
    done.rejected = [str(rejection) for rejection in outcome.rejected[:SAMPLE]]
    again = suspects.anew()
    for identifier in drifted:
        again.note(identifier, differs=True)
    done.left = again.judge()
    done.repaired = len(drifted) - done.left.drifted - done.left.in_flight
    if done.left.drifted or done.found.unjudged:
        done.outcome = Outcome.UNREPAIRED
        refused = f" Elasticsearch refuses {len(outcome.rejected):,}." if outcome.rejected else ""
        done.advice = f"{done.left.drifted + done.found.unjudged:,} documents still differ.{refused} Run it again."
