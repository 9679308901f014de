"""What goes wrong with a server, and whose cause it is.

ServerFault   the server is down, slow or answers garbage: the job ends `crashed`, keeps its frontier, can be resumed
SpecError     the server says that the request makes no sense: the job ends `failed`
"""

from __future__ import annotations

MOST_SHOWN = 300


class ServerFault(RuntimeError):
    """A server that a job needs does not do its part; the message names it, what it did, and what to do.

    `status`: that of its answer, where it gave one.
    """

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class Refused(Exception):
    """The server answered that it will not: `status` and what it `said`. Whoever asked knows what to make of it."""

    def __init__(self, status: int, said: str):
        super().__init__(status, said)
        self.status, self.said = status, said

    def __str__(self) -> str:
        return f"status {self.status}: {self.said}"


def excerpt(text: str) -> str:
    """What a server said, short enough for a message."""
    shown = " ".join(text.split())
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}..."
