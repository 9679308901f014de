"""A tolerance that was promised by a deadline, and what became of it; or why it could not be promised."""

from __future__ import annotations

from typing import Literal

from burnish.wire.base import Received
from burnish.wire.problem import Problem


class Promise(Received):
    """`abs_tol` or `rel_tol` by `deadline`: what the budget asked for when the job was taken.

    `worker_seconds`: the upper forecast on which it was given. `kept`: the tolerance was met at a look before the
    deadline; `broken`: it was not; `withdrawn`: the job was cancelled, or its tolerance or deadline changed, before it
    ended.
    """

    deadline: str
    abs_tol: float | None = None
    rel_tol: float | None = None
    worker_seconds: float
    state: Literal["open", "kept", "broken", "withdrawn"] = "open"


class Reachable(Received):
    """A tolerance that could be promised, in the terms of the one that was asked for."""

    abs_tol: float | None = None
    rel_tol: float | None = None


class DeadlineProblem(Problem):
    """409: the tolerance cannot be promised by the deadline.

    `reachable`: the tolerance that could be, by the deadline asked for; `earliest`: the deadline by which the tolerance
    asked for could be. Null where there is none.
    """

    reachable: Reachable | None = None
    earliest: str | None = None
