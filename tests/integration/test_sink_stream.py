"""The sink behind a real Debezium source, while writers change everything and its tasks are restarted."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from psycopg.errors import DeadlockDetected

from pg2es.core.generations import sink_connector
from pg2es.services.generations import require_live_generation
from pg2es.services.stream import ensure_source
from pg2es.services.stream.connector import wait_until_running
from tests.integration.batch import check_equal, run_backfill
from tests.integration.sink_harness import DOCUMENT, RELATED, TABLES
from tests.support import Database, ProjectFolder, connect

WRITERS = 4
TRANSACTIONS = 150
ORDERS = 40
CUSTOMERS = 5


def test_every_document_equals_its_row_in_the_end(streamed_folder: ProjectFolder, database: Database) -> None:
    database.execute(
        *TABLES,
        "ALTER TABLE public.items REPLICA IDENTITY FULL",
        "CREATE INDEX ON public.items (order_id)",
        f"INSERT INTO public.customers SELECT n, 'customer ' || n FROM generate_series(1, {CUSTOMERS}) n",
        f"INSERT INTO public.orders SELECT n, n % {CUSTOMERS} + 1 FROM generate_series(1, {ORDERS}) n",
    )
    pipeline = streamed_folder.add_pipeline(
        "orders", "public.orders", document=DOCUMENT, related=RELATED, stream={"tasks": 2}
    )
    clients = streamed_folder.clients()
    ensure_source(clients, streamed_folder.source_model())
    run_backfill(clients, pipeline)
    generation = require_live_generation(clients.elasticsearch, pipeline)
    sink = sink_connector(generation.index)

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(_change, database, number) for number in range(WRITERS)]
        while not all(writer.done() for writer in writers):
            clients.connect.restart(sink, only_failed=False)
            wait_until_running(clients, sink)
        for writer in writers:
            writer.result()

    check_equal(clients, pipeline, database.fetch("SELECT count(*) FROM public.orders")[0][0])


def _change(database: Database, number: int) -> None:
    dice = random.Random(number)
    with connect(database.name) as session:
        for step in range(TRANSACTIONS):
            order, other = (dice.randint(1, ORDERS) for _ in range(2))
            customer = dice.randint(1, CUSTOMERS)
            fresh = 1_000 * (number + 1) + step
            changes = [
                f"INSERT INTO public.items VALUES ({fresh}, {order}, 'item {fresh}')",
                f"UPDATE public.items SET order_id = {other} WHERE order_id = {order}",
                f"UPDATE public.items SET order_id = NULL WHERE id % 7 = {step % 7} AND order_id = {order}",
                f"DELETE FROM public.items WHERE order_id = {order} AND id % 3 = 0",
                f"UPDATE public.customers SET name = 'customer {fresh}' WHERE id = {customer}",
                f"UPDATE public.orders SET customer_id = {customer}, note = '{fresh}' WHERE id = {order}",
                f"DELETE FROM public.orders WHERE id = {order}",
                f"INSERT INTO public.orders VALUES ({order}) ON CONFLICT DO NOTHING",
                f"UPDATE public.orders SET id = {fresh} WHERE id = {order}",
            ]
            # Writers that wait for each other in a ring are as good as one that rolls back.
            with suppress(DeadlockDetected), session.transaction(force_rollback=dice.random() < 0.1):
                for change in dice.sample(changes, 2):
                    session.execute(change)
