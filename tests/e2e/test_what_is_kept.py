"""What Airflow keeps of all the runs before this test holds no password: templates, XCom, notes, logs, the audit."""

import psycopg
from psycopg import sql

from stack.config import HOST, load_config
from tests.leaks import find_in_files, find_secrets

LOOKED_AT = ("task_instance", "xcom", "rendered_task_instance_fields", "dag_run_note", "variable", "log")
"""Among all others."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def test_no_table_and_no_log_of_airflow_holds_a_secret(stack_environment: dict[str, str]) -> None:
    config = load_config()
    assert stack_environment
    with psycopg.connect(
        host=HOST,
        port=config.ports["airflow_db"],
        user="airflow",
        password=config.credentials["AIRFLOW_DB_PASSWORD"],
        dbname="airflow",
    ) as session:
        tables = [name for (name,) in session.execute(TABLES)]
        assert {*LOOKED_AT} <= {*tables}
        for table in tables:
            rows = session.execute(sql.SQL("SELECT row_to_json(t)::text FROM {} t").format(sql.Identifier(table)))
            for (row,) in rows:
                assert find_secrets(row) == [], table
    assert list(find_in_files(config.data / "airflow" / "logs")) == []
    assert list(find_in_files(config.logs)) == []
