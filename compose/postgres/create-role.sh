#!/bin/sh
# Runs once, when the database is made: creates the role that pg2es reads and replicates with.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set password="$PG2ES_POSTGRES_PASSWORD" <<'END'
CREATE ROLE pg2es LOGIN REPLICATION PASSWORD :'password';
END
