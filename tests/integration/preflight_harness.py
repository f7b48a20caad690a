"""A shop for the tests of the preflight, and how they look at findings."""

from typing import Any

from pg2es.core.preflight import Finding, Severity
from pg2es.services import preflight
from tests.support import ProjectFolder

SHOP = (
    "CREATE TABLE public.customers (id bigint PRIMARY KEY, name text)",
    "CREATE TABLE public.orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, status text)",
    "CREATE INDEX ON public.orders (customer_id)",
    """CREATE TABLE public.items (order_id bigint REFERENCES orders, line int, price numeric(12, 2),
         PRIMARY KEY (order_id, line))""",
    "INSERT INTO customers VALUES (1, 'Ada')",
    "INSERT INTO orders VALUES (1, 1, 'new'), (2, 1, 'old'), (3, NULL, 'new')",
    "INSERT INTO items VALUES (1, 1, 1.5), (1, 2, 2.5), (2, 1, 3)",
)
DOCUMENT = """SELECT root.id, root.status,
  (SELECT c.name FROM public.customers c WHERE c.id = root.customer_id) AS customer,
  (SELECT json_agg(json_build_object('line', i.line, 'price', i.price) ORDER BY i.line)
   FROM public.items i WHERE i.order_id = root.id) AS items
FROM root"""
ITEMS = {"table": "public.items", "root_key": "order_id"}
CUSTOMERS = {
    "table": "public.customers",
    "roots_sql": "SELECT o.id FROM public.orders o JOIN changed ON o.customer_id = changed.id",
}


def run(folder: ProjectFolder) -> list[Finding]:
    clients = folder.clients()
    return list(preflight.run(clients, list(clients.project.pipelines.values())))


def of(findings: list[Finding], severity: Severity) -> list[Finding]:
    return [finding for finding in findings if finding.severity is severity]


def problems(folder: ProjectFolder) -> list[Finding]:
    """Errors and warnings."""
    return [finding for finding in run(folder) if finding.severity is not Severity.INFO]


def only_problem(folder: ProjectFolder) -> Finding:
    found = problems(folder)
    assert len(found) == 1, found
    return found[0]


def add_orders(folder: ProjectFolder, **changes: Any) -> None:
    keys: dict[str, Any] = {"document": DOCUMENT, "related": [ITEMS, CUSTOMERS], **changes}
    folder.add_pipeline("orders", "public.orders", **keys)
