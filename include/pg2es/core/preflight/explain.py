"""Reading what `EXPLAIN (FORMAT JSON, VERBOSE)` says: which relations a statement reads, and which it must scan whole.

Nested Loop                    Join Filter: (o.customer_id = changed.id)   ◀─ the columns that an index would need
  ├─ CTE Scan on changed
  └─ Seq Scan on orders o                                                  ◀─ a whole scan
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]

_CONDITIONS = ("Filter", "Join Filter", "Hash Cond", "Merge Cond")
_NAME = r'"(?:[^"]|"")+"|\w+'


@dataclass(frozen=True)
class WholeScan:
    """A relation that is read from end to end.

    `columns` are compared for equality; `cast_columns`, too, but only after a cast, which an index on the plain column
    serves for types of texts alone. `by_index`: it is read in the order of an index, perhaps in preference to another
    index that would narrow it.
    """

    relation: str
    by_index: bool
    columns: tuple[str, ...]
    cast_columns: tuple[str, ...]


def relations_of(plan: Node) -> set[str]:
    """Return the relations that a plan reads, each as `schema.name`."""
    return {_relation(node) for node, _ in _walk(plan) if "Relation Name" in node}


def whole_scans(plan: Node) -> list[WholeScan]:
    """Return the scans that no condition on an index narrows, each once.

    Meant for a plan made with sequential scans, hash and merge joins disabled: what is left has no index to use.
    """
    scans = [
        _scan(node, conditions)
        for node, conditions in _walk(plan)
        if "Relation Name" in node and _reads_everything(node)
    ]
    return list(dict.fromkeys(scans))


def _reads_everything(node: Node) -> bool:
    if node["Node Type"] in ("Index Scan", "Index Only Scan"):
        return "Index Cond" not in node and "Filter" in node
    return bool(node["Node Type"] == "Seq Scan")


def _walk(node: Node, above: tuple[str, ...] = ()) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Give each node with the conditions on it: its own and those of the joins above."""
    conditions = (*above, *(node[name] for name in _CONDITIONS if name in node))
    yield node, conditions
    for child in node.get("Plans", []):
        yield from _walk(child, conditions)


def _scan(node: Node, conditions: tuple[str, ...]) -> WholeScan:
    text = " ".join(conditions)
    alias = node["Alias"]
    quoted = '"' + alias.replace('"', '""') + '"'
    column = rf"(?:{re.escape(alias)}|{re.escape(quoted)})\.({_NAME})"
    plain = rf'(?<![\w."]){column} = |= {column}(?![\w.])'
    cast = rf"\({column}\)::\w+ = |= \({column}\)::"
    return WholeScan(_relation(node), node["Node Type"] != "Seq Scan", _names(plain, text), _names(cast, text))


def _names(pattern: str, text: str) -> tuple[str, ...]:
    found = (first or second for first, second in re.findall(pattern, text))
    return tuple(dict.fromkeys(name[1:-1].replace('""', '"') if name.startswith('"') else name for name in found))


def _relation(node: Node) -> str:
    return f"{node['Schema']}.{node['Relation Name']}"
