"""Recordings that lie somewhere already: found, described, handed over once, and accounted for."""

from enum import StrEnum


class Then(StrEnum):
    """What happens to a file that was taken."""

    KEEP = "keep"
    MOVE = "move"
    DELETE = "delete"
