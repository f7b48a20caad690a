"""SQL texts of files: one statement each, which pg2es puts inside one of its own."""

import re

from pg2es.core.config.references import find_reference
from pg2es.core.preflight import masked_sql

_UNCLOSED = re.compile(r"""['"]|/\*|(?<![\w$])\$(?:[^\W\d]\w*)?\$""")
"""What is left of a literal, a quoted name or a comment where a closed one would be masked."""

_PARAMETER = re.compile(r"(?<![\w$])\$\d+")


def one_statement(sql: str) -> str:
    """Return the statement without a semicolon at its end; ValueError for what is not one statement."""
    masked = masked_sql(sql)
    if unclosed := _UNCLOSED.search(masked):
        raise ValueError(f"holds {unclosed[0]} that is not closed")
    head, semicolon, rest = masked.partition(";")
    if not head.strip():
        raise ValueError("holds no statement; write a SELECT")
    if rest.replace(";", " ").strip():
        raise ValueError("holds more than one statement; write a single SELECT")
    if parameter := _PARAMETER.search(masked):
        raise ValueError(f"holds the parameter {parameter[0]}, for which there is no value")
    if reference := find_reference(sql):
        raise ValueError(
            f"holds {reference}, for which Kafka Connect would put a value from outside; write it in two parts, "
            f"such as '$' || '{{…}}'"
        )
    return sql[: len(head)].strip() if semicolon else sql.strip()
