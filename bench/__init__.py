"""Measurements: `python -m bench [NAME …]` against the running stack, results in bench/results/latest.json."""
