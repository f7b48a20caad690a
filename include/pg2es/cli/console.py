"""Where the commands print: results to stdout, everything else to stderr."""

import logging

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

_NOISY = ("httpx", "httpcore", "elastic_transport")


def fail(sentence: str) -> None:
    """Print an error, in one line."""
    err.print(Text.assemble(("Error: ", "bold red"), sentence))


def set_up_logging(*, verbose: bool) -> None:
    """Log warnings to stderr, with `verbose` also what is going on."""
    handler = RichHandler(console=err, show_path=False, show_level=False, log_time_format="%X ")
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", handlers=[handler])
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
