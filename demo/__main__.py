"""`python -m demo`: status 0 if every document equals its row."""

import argparse
import os
import sys
from collections.abc import Mapping

from rich.console import Console

from demo.data import Sample
from demo.run import Demo
from demo.screen import Screen
from pg2es.core.errors import Pg2esError


def main() -> int:
    """Run the demo and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Fills Elasticsearch from a sample shop.")
    parser.add_argument(
        "--no-stack",
        action="store_true",
        help="start no servers: PG2ES_… variables say where there are some",
    )
    options = parser.parse_args()
    screen = Screen(Console(highlight=False))
    try:
        sample = Sample.from_environment()
        environment = os.environ if options.no_stack else _start_stack(screen)
        demo = Demo(environment, sample, screen)
        results = demo.run()
    except Pg2esError as error:
        return _fail(screen, error)
    except KeyboardInterrupt:
        screen.console.print("Stopped; the stack stays up. `make demo` goes on from here.")
        return 130
    screen.show_results(results)
    screen.show_airflow(demo.airflow)
    return 0 if results.verified else 1


def _start_stack(screen: Screen) -> Mapping[str, str]:
    """Start the embedded stack and return the variables that say where it is."""
    from stack.config import load_config
    from stack.errors import StackError
    from stack.launcher import Stack

    try:
        config = load_config()
        with screen.step("Stack is up"):
            Stack(config).up()
        return config.environment()
    except StackError as error:
        sys.exit(_fail(screen, error))


def _fail(screen: Screen, error: Exception) -> int:
    screen.console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
