#!/bin/sh
# Makes .venv from the pinned requirements, with pg2es itself in it.
set -eu
cd "$(dirname "$0")/.."

python=$(stack/find-python.sh)
"$python" -m venv --clear .venv
# Every package is pinned with its hash, those that others need too: there is nothing to resolve.
.venv/bin/pip install --quiet --no-deps --require-hashes -r requirements.txt -r requirements-dev.txt
.venv/bin/pip install --quiet --no-deps --editable .
