"""Runs the table of faults and writes docs/reliability.md: `python -m tests.faults`; or faults at random, `--soak`."""

import argparse
import secrets
import sys

from tests import lanes, run
from tests.faults import reliability

TABLE = "tests/faults/test_table.py"
SOAK = "tests/faults/test_soak.py"
STACKS = 3
"""A fault is waiting more than work, and nothing else runs: two cores suffice for so many."""


def run_table() -> int:
    """Run every cell, on several stacks side by side, and return the exit status."""
    chain = run.spread_part("faults", [TABLE], STACKS, "--dist", "worksteal")
    status = run.run([chain])
    reliability.write([run.REPORTS / f"{chain[-1].name}.xml"])
    return status


def run_soak(minutes: float, seed: int) -> int:
    """Let faults strike at random for so many minutes, and return the exit status."""
    variables = lanes.variables(1) | {"PG2ES_SOAK_MINUTES": str(minutes), "PG2ES_SOAK_SEED": str(seed)}
    sys.stdout.write(f"Seed {seed}\n")
    shown = ("-o", "log_cli=true", "--log-cli-level=INFO")
    return run.run([[run.start_bare_stack(1), run.pytest_part("soak", [SOAK], *shown, variables=variables)]])


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Lets faults strike.")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead of the table: at random, for so long")
    parser.add_argument("--seed", type=int, help="of the soak; default: another each time")
    options = parser.parse_args()
    if options.soak is None:
        return run_table()
    return run_soak(options.soak, secrets.randbelow(10**6) if options.seed is None else options.seed)


if __name__ == "__main__":
    sys.exit(main())
