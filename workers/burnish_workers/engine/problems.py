"""Problems that end a job, as they are shown to the user."""

from __future__ import annotations

from burnish.wire import Problem


def failed(detail: str) -> Problem:
    """The user's cause: running it again would fail again."""
    return Problem(type="/problems/simulation-failed", title="The simulation failed", status=422, detail=detail)


def crashed(detail: str) -> Problem:
    """Ours: the job keeps its frontier."""
    return Problem(type="/problems/job-crashed", title="The job crashed", status=500, detail=detail)
