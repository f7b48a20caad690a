"""What the demo has found."""

from dataclasses import dataclass

from pg2es.core.drift import Comparison


@dataclass(frozen=True)
class PipelineResult:
    """One pipeline: its backfill, and the comparison after it."""

    name: str
    rows: int
    seconds: float
    docs_per_s: int
    comparison: Comparison


@dataclass(frozen=True)
class StreamResult:
    """The stream, while the shop changed."""

    changed_rows: int
    changes_per_s: float
    records_behind: int
    latency_s: float


@dataclass(frozen=True)
class Results:
    """All of it."""

    pipelines: tuple[PipelineResult, ...]
    stream: StreamResult

    @property
    def verified(self) -> bool:
        """Whether every document of every pipeline equals its row."""
        return all(result.comparison.clean for result in self.pipelines)
