#!/bin/sh
# Every test. Those that need servers get a stack of their own, which is stopped at the end, whatever the end is.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

$python -m pytest tests/unit
mvn --quiet --batch-mode -f connect/pom.xml test

# The stack of a demo would hold the ports; its data stays.
$python -m stack down
export PG2ES_STACK_DATA=.stack/test
$python -m stack clean
trap '$python -m stack down' EXIT
trap 'exit 130' INT TERM

# Airflow reads a copy of the configuration, which tests may change; secrets beside it stay closed to others.
mkdir -p -m 700 .stack/test
rm -rf .stack/test/include
mkdir .stack/test/include
for part in platform.yaml sources pipelines documents mappings; do
    cp -R "include/$part" .stack/test/include
done
export PG2ES_CONFIG="$PWD/.stack/test/include"

$python -m stack up
$python -m pytest tests --ignore tests/unit
