"""The servers, each behind the few calls that pg2es needs; their errors become pg2es' own."""
