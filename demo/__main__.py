"""`python -m demo`: status 0 if every document equals its row."""

import sys

from rich.console import Console

from demo.data import Sample
from demo.run import Demo
from demo.screen import Screen
from pg2es.core.errors import Pg2esError
from stack.config import load_config
from stack.errors import StackError
from stack.launcher import Stack


def main() -> int:
    """Run the demo and return its exit status."""
    screen = Screen(Console(highlight=False))
    try:
        sample = Sample.from_environment()
        config = load_config()
        with screen.step("Stack is up"):
            Stack(config).up()
        demo = Demo(config, sample, screen)
        results = demo.run()
    except (Pg2esError, StackError) as error:
        screen.console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        screen.console.print("Stopped; the stack stays up. `make demo` goes on from here.")
        return 130
    screen.show_results(results)
    screen.show_airflow(demo.airflow)
    return 0 if results.verified else 1


if __name__ == "__main__":
    sys.exit(main())
