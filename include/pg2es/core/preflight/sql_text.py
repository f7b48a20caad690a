"""What can be told from the text of an SQL statement alone: the functions that it calls, and how.

No parser: names before an opening parenthesis, outside of comments and literals. What a view or a function does inside
is not seen.
"""

import re
from collections.abc import Iterator

_SKIPPED = re.compile(
    r"""--[^\n]*
      | /\*.*?\*/
      | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
      | [eE]'(?:[^'\\]|\\.|'')*'
      | '(?:[^']|'')*'""",
    re.DOTALL | re.VERBOSE,
)
_QUOTED = re.compile(rf'{_SKIPPED.pattern} | "(?:[^"]|"")*"', re.DOTALL | re.VERBOSE)
_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CALL = re.compile(rf"(?P<name>{_NAME}(?:\s*\.\s*{_NAME})*)\s*\(")
_ORDERED = frozenset(
    {"json_agg", "jsonb_agg", "json_agg_strict", "jsonb_agg_strict", "array_agg", "string_agg", "xmlagg",
     "json_object_agg", "json_arrayagg", "json_objectagg"}
)  # fmt: skip
_CLOCK_FUNCTIONS = frozenset({"now", "transaction_timestamp", "statement_timestamp"})
_CLOCK_WORDS = re.compile(r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b", re.IGNORECASE)


def masked_sql(statement: str) -> str:
    """Return a text of the same length with blanks for comments, and `_` for literals and quoted names."""
    return _QUOTED.sub(lambda match: (" " if match[0][0] in "-/" else "_") * len(match[0]), statement)


def called_functions(statement: str) -> list[str]:
    """Return the names before an opening parenthesis, `name` or `schema.name`, folded as PostgreSQL does, sorted.

    Some are keywords (`in`, `values`): the catalog knows no function of that name.
    """
    return sorted({name for name, _ in _calls(statement)})


def unordered_aggregates(statement: str) -> list[str]:
    """Return the aggregates whose result depends on the order of their input, and that do not say which, sorted."""
    return sorted(
        {
            name
            for name, arguments in _calls(statement)
            if name.rpartition(".")[2] in _ORDERED and not re.search(r"\border\s+by\b", _top(arguments), re.IGNORECASE)
        }
    )


def clock_readings(statement: str) -> list[str]:
    """Return what gives the current time in the statement, sorted."""
    words = {word.lower() for word in _CLOCK_WORDS.findall(_bare(statement))}
    return sorted(words | {name for name in called_functions(statement) if name in _CLOCK_FUNCTIONS})


def _calls(statement: str) -> Iterator[tuple[str, str]]:
    """Give the name of each call and what stands between its parentheses."""
    text = _bare(statement)
    for match in _CALL.finditer(text):
        parts = re.findall(_NAME, match["name"])
        name = ".".join(part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in parts)
        yield name, _inside(text, match.end())


def _bare(statement: str) -> str:
    return _SKIPPED.sub(lambda match: "''" if "'" in match[0] or match["tag"] is not None else " ", statement)


def _inside(text: str, start: int) -> str:
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[start:position]
    return text[start:]


def _top(text: str) -> str:
    """Return the text without what stands in parentheses of its own."""
    depth = 0
    kept = []
    for character in text:
        depth += character == "("
        if depth == 0:
            kept.append(character)
        depth -= character == ")"
    return "".join(kept)
