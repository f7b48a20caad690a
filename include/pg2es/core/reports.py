"""Reports: of which kinds there are. Each run of a batch job leaves one (services/reports)."""

from enum import StrEnum

REPORTS_INDEX = "pg2es-reports"


class ReportKind(StrEnum):
    """Which job reported: about a pipeline, the last two about a source."""

    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    CERTIFICATE = "certificate"
    REINDEX = "reindex"
    ROLLBACK = "rollback"
    PLAN = "plan"  # the schema watch found another verdict
    DEAD_LETTERS = "dead_letters"
    REPLAY = "replay"
