#!/bin/sh
# Makes .venv from the pinned requirements, with pg2es itself in it.
set -eu
cd "$(dirname "$0")/.."

python=$(stack/find-python.sh)
"$python" -m venv --clear .venv
# uv installs in a third of pip's time; it comes by pip, pinned with its hash like all others, and asks the same index.
.venv/bin/pip install --quiet --no-deps --require-hashes -r stack/uv.txt
index=$(.venv/bin/pip config get global.index-url 2>/dev/null || echo "${PIP_INDEX_URL:-}")
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
# Every package is pinned, those that others need too: there is nothing to resolve. Compiled now, because the servers'
# user may not write here, and would compile in every process.
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes --compile-bytecode \
    -r requirements.txt -r requirements-dev.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
