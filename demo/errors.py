"""What can go wrong in the demo, apart from what goes wrong in pg2es."""

from pg2es.core.errors import Pg2esError


class DemoError(Pg2esError):
    """Something that the demo needs is not as it has to be; the message says what to do."""
