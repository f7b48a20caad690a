"""Which options of the Debezium connector a source file may set: those that change neither what comes nor its order."""

from pg2es.core.config.references import refuse_secrets

_OPTIONS = frozenset(
    {
        "custom.metric.tags",
        "max.batch.size",
        "max.queue.size",
        "max.queue.size.in.bytes",
        "poll.interval.ms",
        "producer.override.batch.size",
        "producer.override.buffer.memory",
        "producer.override.compression.type",
        "producer.override.linger.ms",
        "producer.override.max.request.size",
        "producer.override.security.protocol",
        "query.fetch.size",
        "retriable.restart.connector.wait.ms",
        "status.update.interval.ms",
        "xmin.fetch.interval.ms",
    }
)
_FAMILIES = ("driver.", "producer.override.ssl.", "producer.override.sasl.")


def check_options(options: dict[str, str]) -> dict[str, str]:
    """Return the options; ValueError for one that pg2es sets itself, or that could change what events say."""
    for name in options:
        if name not in _OPTIONS and not name.startswith(_FAMILIES):
            raise ValueError(f"{name} is not left to the file; options that are: {_describe()}")
    return refuse_secrets(options)


def _describe() -> str:
    return ", ".join([*sorted(_OPTIONS), *(f"{family}…" for family in _FAMILIES)])
