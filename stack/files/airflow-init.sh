#!/bin/sh
# Brings the metadata database to this version of Airflow, and writes the two users' passwords. Natively and in compose.
set -eu
umask 077
python -m airflow db migrate
printf '{"admin": "%s", "viewer": "%s"}\n' "$PG2ES_AIRFLOW_PASSWORD" "$PG2ES_AIRFLOW_VIEWER_PASSWORD" \
    >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
