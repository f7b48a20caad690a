"""Writes docs/pipeline-file.md: `python -m pg2es.cli.reference > docs/pipeline-file.md`. A test keeps it up to date."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from pg2es.core.config import FileModel, Pipeline, Platform, Source

Schema = dict[str, Any]

_INTRODUCTION = """\
# The configuration files

<!-- Written by `python -m pg2es.cli.reference` from the models; change those. -->

pg2es reads one folder, `include/` by default (another one with `pg2es --config` or `PG2ES_CONFIG`):

    platform.yaml          where Elasticsearch, Kafka and Kafka Connect are
    sources/shop.yaml      a PostgreSQL database; `shop` is the source's name
    pipelines/orders.yaml  a root table and its alias; `orders` is the pipeline's name
    documents/orders.sql   the document SQL of a pipeline
    mappings/orders.json   settings and mappings of its index

`pg2es validate` checks the files, `pg2es validate --connect` also what they speak of, and
`pg2es suggest SOURCE SCHEMA.TABLE` writes the first version of a pipeline and its mapping. A key that is not in this
reference is an error, so that a misspelt one is noticed.

**Values from outside.** A value may hold `${env:NAME}`, an environment variable, or `${file:/path:key}`, an entry of a
file with lines `key=value`. Secrets are always written so. The notation is that of Kafka Connect's config providers:
a secret goes to Kafka Connect as its reference, and the workers resolve it. They do so for the names and folders that
they are told only, in `stack/files/connect-worker.properties` for variables that begin with `PG2ES_` and files below
`/run`.
"""

_PLATFORM = """\
## platform.yaml

```yaml
elasticsearch:
  urls: ${env:PG2ES_ELASTICSEARCH_URLS}
  user: pg2es
  password: ${env:PG2ES_ELASTICSEARCH_PASSWORD}
  sink_user: pg2es_sink
  sink_password: ${file:/run/secrets/pg2es.properties:sink_password}
kafka:
  bootstrap: kafka-1:9092,kafka-2:9092
  replication_factor: 3
connect:
  urls: [http://connect-1:8083, http://connect-2:8083]
```
"""

_SOURCE = """\
## sources/*.yaml

```yaml
postgres:
  host: db.example.org
  database: shop
  user: pg2es
  password: ${env:SHOP_PASSWORD}
```

The role needs `LOGIN REPLICATION`, `SELECT` on the tables, and, to make the publication, `CREATE` on the database and
membership in the role that owns the tables. Where it may not have that, make the publication yourself:

```sql
CREATE PUBLICATION pg2es_shop FOR TABLE orders, order_items WITH (publish_via_partition_root = true);
```

From PostgreSQL 18 on with `publish_generated_columns = stored`, too. [limits.md](limits.md) has the tables that are
refused.
"""

_PIPELINE = """\
## pipelines/*.yaml

All columns of a table are the smallest pipeline:

```yaml
source: shop
table: public.customers
```

A document of several tables:

```yaml
source: shop
table: public.orders
document: orders.sql
related:
  - table: public.order_items   # the item holds its order's key
    root_key: order_id
  - table: public.customers     # a customer leads to all of its orders
    roots_sql: SELECT o.id FROM public.orders o JOIN changed ON o.customer_id = changed.id
```

The document SQL is a SELECT over `root`, the rows of the root table that are asked for:

```sql
SELECT root.id, root.status, root.ordered_at,
       (SELECT json_build_object('name', c.name) FROM public.customers c WHERE c.id = root.customer_id) AS customer,
       (SELECT json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity) ORDER BY i.line)
        FROM public.order_items i WHERE i.order_id = root.id) AS items
FROM root
```

- It returns the key columns as they are in `root`, and at most one row for each root. A root without a row has no
  document, so a `WHERE` is a filter.
- A column becomes a field of the document as PostgreSQL's `row_to_json` writes it; NULLs are left out.
- Every table that it reads is the root or stands in `related`; otherwise its changes would be missed.
- Aggregates say their ORDER BY, and nothing depends on the clock: equal rows must give equal bytes.
- Names are best written with their schema; the search path is `pg_catalog, public`.

The roots SQL of a related table is a SELECT of root keys over `changed`, which has the table's changed rows, old and
new, with the columns of `columns`. It only follows foreign keys and does not repeat the document's `WHERE`: a root that
no longer has a document must be found, too. Old rows have these columns when they are in the table's primary key, or
after `ALTER TABLE … REPLICA IDENTITY FULL`; `pg2es validate --connect` says where that is needed, and which index is
missing.
"""

_MAPPING = """\
## mappings/*.json

An object with `settings` and `mappings`, as for creating an index. pg2es adds the field `_pg2es` and `_meta`. `_source`
must stay whole and stored, because pg2es compares its bytes with PostgreSQL. `"dynamic": false` is a good start: a new
column is then kept in the documents, and is searchable once it is in the mapping.

```json
{
  "mappings": {
    "dynamic": false,
    "properties": {
      "id": {"type": "long"},
      "status": {"type": "keyword"},
      "ordered_at": {"type": "date"},
      "customer": {"properties": {"name": {"type": "text"}}},
      "items": {"properties": {"sku": {"type": "keyword"}, "quantity": {"type": "integer"}}}
    }
  }
}
```
"""

# What a key is in the file, where the model holds something else: the content of the file that it names.
_FILE_NAMES = {"document": ("name of a file", ""), "mapping": ("name of a file", "the pipeline's name and `.json`")}


def render() -> str:
    """Return the whole reference, in Markdown."""
    parts = [
        _INTRODUCTION,
        _PLATFORM,
        _table(Platform),
        _SOURCE,
        _table(Source),
        _PIPELINE,
        _table(Pipeline),
        _MAPPING,
    ]
    return "\n".join(parts)


def _table(model: type[FileModel]) -> str:
    schema = model.model_json_schema()
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{key}` | {value} | {default} | {meaning} |" for key, value, default, meaning in _rows(schema, schema)
    ]
    return "\n".join(lines) + "\n"


def _rows(schema: Schema, root: Schema, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Give `(key, value, default, meaning)` of each key, those of nested models after their parent."""
    for name, field in schema["properties"].items():
        if not prefix and name == "name":
            continue  # the file's own name
        options = field.get("anyOf", [field])
        nested, suffix = _nested(options, root)
        meaning, default = _split_default(field.get("description", (nested or {}).get("description", "")))
        value, default_of_file = _FILE_NAMES.get(name, ("", "")) if "source" in schema["properties"] else ("", "")
        if name in schema.get("required", ()) and not default_of_file:
            default = "required"
        elif not default:
            default = default_of_file or _default(field)
        yield f"{prefix}{name}", value or _value(options, root, nested, suffix), default, _escape(meaning)
        if nested is not None:
            yield from _rows(nested, root, f"{prefix}{name}{suffix}.")


def _nested(options: list[Schema], root: Schema) -> tuple[Schema | None, str]:
    """Return the nested model of a key, and `[]` when the key holds a list of it."""
    for option in options:
        for candidate, suffix in ((option, ""), (option.get("items", {}), "[]")):
            if "$ref" in candidate:
                found: Schema = root["$defs"][candidate["$ref"].rpartition("/")[2]]
                if "properties" in found:
                    return found, suffix
    return None, ""


def _value(options: list[Schema], root: Schema, nested: Schema | None, suffix: str) -> str:
    if nested is not None:
        return "list of mappings" if suffix else "mapping"
    described = [_scalar(option, root) for option in options if option.get("type") != "null"]
    return " or ".join(dict.fromkeys(described))


def _scalar(schema: Schema, root: Schema) -> str:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "reference":
        return "reference"
    kinds = {
        "string": "text",
        "integer": "number",
        "number": "number",
        "boolean": "`true` or `false`",
        "object": "mapping",
        "array": "text, or a list of them",
    }
    kind = kinds[schema["type"]]
    if "minimum" in schema and "maximum" in schema:
        return f"{kind}, {schema['minimum']:,} to {schema['maximum']:,}"
    if "minimum" in schema:
        return f"{kind}, at least {schema['minimum']:,}"
    if "exclusiveMinimum" in schema:
        return f"{kind} above {schema['exclusiveMinimum']:,g}"
    return kind


def _default(field: Schema) -> str:
    default = field.get("default")
    if default is None or default == "" or isinstance(default, (dict, list)):
        return ""
    return f"`{str(default).lower()}`" if isinstance(default, bool) else f"`{default}`"


def _split_default(description: str) -> tuple[str, str]:
    """Return a description without its closing `Default: ….`, and what stands there."""
    match = re.fullmatch(r"(.*?)\s*Default: (.*?)\.?", description, re.DOTALL)
    return (match[1], match[2]) if match else (description, "")


def _escape(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(render())
