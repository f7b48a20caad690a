#!/bin/sh
# Prints the Python that .venv is made with: 3.11 or newer, able to make one.
for python in "${PYTHON:-python3.11}" python3.12 python3.13 python3; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
exit 1
