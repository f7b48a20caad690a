#!/bin/sh
# Asks the worker in this container whether it has joined its group.
set -eu
credentials=$(printf '%s:%s' "$PG2ES_CONNECT_USER" "$PG2ES_CONNECT_PASSWORD" | base64 | tr -d '\n')
exec wget --quiet --output-document=/dev/null --header="Authorization: Basic $credentials" http://localhost:8083/health
