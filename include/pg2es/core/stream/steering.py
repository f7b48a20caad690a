"""What can be done to connectors without touching what they are."""

from enum import StrEnum


class Steering(StrEnum):
    """How connectors are steered; positions and configurations stay."""

    PAUSE = "pause"  # tasks rest, and keep their connections and places in the group
    STOP = "stop"  # tasks end
    RESUME = "resume"  # what was paused or stopped starts
    RESTART = "restart"  # connectors and all of their tasks
