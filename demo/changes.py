"""What happens in the shop: each kind of change is one transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

TEXTS = (
    "",
    "ordinary",
    'both "quotes" and \'quotes\', a \\ and a \\" too',
    "tab\tnewline\ncontrol\x01\x1f\x7f",
    "家族 👨‍👩‍👧 \U0001d518\u2028\ufeff",
    "null",
    "%s $1 ${env:HOME} {}",
)
NUMBERS = ("NaN", "-Infinity", "1e-40", "123456789012345678901234567890.1234567890", "-0.10", None)

_HOT_ORDERS = 10
"""So many orders are changed far more often than others."""

_NOTE_BYTES = 6_000
"""A note of random hex digits of this length is stored outside its row."""


@dataclass
class Shop:
    """What a writer knows of the shop. Its new ids are its own: no other writer of the same Traffic takes them."""

    customers: Sequence[int]
    products: Sequence[UUID]
    last_order: int
    new_ids: Iterator[int]

    @classmethod
    def read(cls, connection: psycopg.Connection, writers: int) -> "list[Shop]":
        """Return the shop as it is now, once for each writer."""
        row = connection.execute(
            "SELECT (SELECT array_agg(id ORDER BY id) FROM customers),"
            " (SELECT array_agg(id ORDER BY sku) FROM products),"
            " (SELECT max(id) FROM orders),"
            " greatest((SELECT max(id) FROM orders), (SELECT max(id) FROM customers))"
        ).fetchone()
        customers, products, last_order, last_id = row or ([], [], 0, 0)
        return [cls(customers, products, last_order, count(last_id + 1 + writer, writers)) for writer in range(writers)]

    def pick_order(self, random: Random) -> int:
        """Return the id of an order, one that may have been deleted."""
        return random.randint(1, _HOT_ORDERS if random.random() < 0.1 else self.last_order)


def change(connection: psycopg.Connection, shop: Shop, random: Random) -> tuple[str, int]:
    """Make one change in a transaction of its own; return its name, and how many rows its statements changed."""
    (make,) = random.choices(list(CHANGES), weights=list(CHANGES.values()))
    rows = 0
    try:
        with connection.transaction():
            rows = make(connection, shop, random)
    except psycopg.Rollback as error:
        # psycopg lets it out where the connection was lost before the rollback.
        raise psycopg.OperationalError("the connection was lost") from error
    return make.__name__.replace("_", " "), rows


def place_order(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Insert an order with its items."""
    order = next(shop.new_ids)
    rows = _insert_order(connection, shop, random, order)
    shop.last_order = order
    return rows


def change_order(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Update an order, but not its note: a long one is then missing from the change event."""
    return _run(
        connection,
        "UPDATE orders SET status = %s, weight = %s::numeric, meta = %s, shipped_at = %s WHERE id = %s",
        random.choice(["paid", "packed", "shipped", *TEXTS]),
        random.choice(NUMBERS),
        random.choice([None, Jsonb({"a": [1, None, {"b": random.choice(TEXTS)}]}), Jsonb([])]),
        random.choice([None, _some_time(random).replace(tzinfo=None)]),
        shop.pick_order(random),
    )


def write_note(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Update an order's note: long, short or none."""
    note = random.choice([None, random.choice(TEXTS), random.randbytes(_NOTE_BYTES // 2).hex()])
    return _run(connection, "UPDATE orders SET note = %s WHERE id = %s", note, shop.pick_order(random))


def cancel_order(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Delete an order; its items go with it."""
    return _run(connection, "DELETE FROM orders WHERE id = %s", shop.pick_order(random))


def replace_order(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Delete an order and insert another one with its id."""
    order = shop.pick_order(random)
    if not _run(connection, "DELETE FROM orders WHERE id = %s", order):
        return 0
    return 1 + _insert_order(connection, shop, random, order)


def renumber_order(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Give an order another id, and its items with it."""
    order, renumbered = shop.pick_order(random), next(shop.new_ids)
    if not _lock_order(connection, order):
        return 0
    items = connection.execute(
        "DELETE FROM order_items WHERE order_id = %s RETURNING line, product_id, quantity, price", [order]
    ).fetchall()
    _run(connection, "UPDATE orders SET id = %s WHERE id = %s", renumbered, order)
    for item in items:
        _run(connection, "INSERT INTO order_items VALUES (%s, %s, %s, %s, %s)", renumbered, *item)
    return 1 + 2 * len(items)


def move_item(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Move an item to another order."""
    order, other = shop.pick_order(random), shop.pick_order(random)
    if not _lock_order(connection, other):
        return 0
    return _run(
        connection,
        "UPDATE order_items"
        " SET order_id = %s, line = (SELECT coalesce(max(line), 0) + 1 FROM order_items WHERE order_id = %s)"
        " WHERE (order_id, line) = (SELECT order_id, min(line) FROM order_items WHERE order_id = %s GROUP BY 1)",
        other,
        other,
        order,
    )


def change_items(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Update the items of an order, and delete its last one."""
    order = shop.pick_order(random)
    changed = _run(connection, "UPDATE order_items SET quantity = %s WHERE order_id = %s", random.randint(1, 99), order)
    return changed + _run(
        connection,
        "DELETE FROM order_items WHERE order_id = %s"
        " AND line = (SELECT max(line) FROM order_items WHERE order_id = %s HAVING count(*) > 1)",
        order,
        order,
    )


def rename_customer(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Update a customer, whose name stands in the documents of all their orders."""
    name = f"{random.choice(TEXTS)} {random.randrange(1000)}"
    customer = random.choice(shop.customers)
    return _run(connection, "UPDATE customers SET name = %s WHERE id = %s", name, customer)


def change_product(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Update price and name of a product; the name stands in the documents of many orders."""
    return _run(
        connection,
        "UPDATE products SET price = %s, name = %s WHERE id = %s",
        random.randrange(100_000) / 100,
        f"{random.choice(TEXTS)} {random.randrange(1000)}",
        random.choice(shop.products),
    )


def register_customer(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Insert a customer and give them somebody else's order."""
    customer = next(shop.new_ids)
    rows = _run(
        connection,
        "INSERT INTO customers (id, name, country, tags, created_at) VALUES (%s, %s, %s, %s, %s)",
        customer,
        random.choice(TEXTS),
        random.choice(["DE", "X", None]),
        [random.choice(TEXTS), None],
        _some_time(random),
    )
    order = shop.pick_order(random)
    return rows + _run(connection, "UPDATE orders SET customer_id = %s WHERE id = %s", customer, order)


def do_several_things(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Make several changes, undo one of them, and take a moment before the commit: others commit in between."""
    rows = change_order(connection, shop, random)
    with connection.transaction():
        cancel_order(connection, shop, random)
        raise psycopg.Rollback
    rows += rename_customer(connection, shop, random) + place_order(connection, shop, random)
    connection.execute("SELECT pg_sleep(0.1)")
    return rows


def change_mind(connection: psycopg.Connection, shop: Shop, random: Random) -> int:
    """Make changes and roll them all back."""
    place_order(connection, shop, random)
    cancel_order(connection, shop, random)
    raise psycopg.Rollback


CHANGES: dict[Callable[[psycopg.Connection, Shop, Random], int], int] = {
    place_order: 24,
    change_order: 26,
    write_note: 8,
    cancel_order: 6,
    replace_order: 3,
    renumber_order: 3,
    move_item: 8,
    change_items: 8,
    rename_customer: 4,
    change_product: 1,  # each reaches hundreds of orders
    register_customer: 3,
    do_several_things: 3,
    change_mind: 3,
}
"""Kinds of change, and how often each is made, in percent."""


def _insert_order(connection: psycopg.Connection, shop: Shop, random: Random, order: int) -> int:
    _run(
        connection,
        "INSERT INTO orders VALUES (%s, %s, 'new', %s, %s::numeric, %s, %s, NULL)",
        order,
        random.choice([random.choice(shop.customers), None]),
        random.choice([None, random.choice(TEXTS)]),
        random.choice(NUMBERS),
        Jsonb({"key": random.choice(TEXTS)}),
        _some_time(random),
    )
    lines = random.randint(0, 4)
    for line in range(1, lines + 1):
        product, quantity, price = random.choice(shop.products), random.randint(1, 9), random.randrange(100_000) / 100
        _run(connection, "INSERT INTO order_items VALUES (%s, %s, %s, %s, %s)", order, line, product, quantity, price)
    return 1 + lines


def _lock_order(connection: psycopg.Connection, order: int) -> bool:
    """Lock an order, so that nobody deletes it or gives it items meanwhile; False when there is none."""
    return _run(connection, "SELECT FROM orders WHERE id = %s FOR UPDATE", order) == 1


def _run(connection: psycopg.Connection, statement: str, *parameters: object) -> int:
    return connection.execute(statement, parameters).rowcount


def _some_time(random: Random) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**13))
