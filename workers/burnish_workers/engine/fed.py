"""What a job that assimilates observations may ask for, judged at the door."""

from __future__ import annotations

from burnish.wire import SpecBase
from burnish.wire.observations import MOST_OBSERVATIONS
from burnish_workers.core.feed import Feed
from burnish_workers.core.kind import SpecError

NO_TOLERANCE = "a job that assimilates observations has no tolerance: more work sharpens none of its answers; omit it"


def check_feed(spec: SpecBase, feed: Feed | None) -> None:
    """Whether a spec asks for what a job with observations (or one without) can give. Raises SpecError."""
    resolution = spec.resolution
    if resolution is not None and (resolution.each is None) != (feed is None):
        detail = f"each is {resolution.each}; it is for jobs with observations only: post `resolved` as a job shows it"
        raise SpecError("/resolution/each", detail)
    if feed is None:
        return
    for name in ("abs_tol", "rel_tol"):
        if getattr(spec.budget, name) is not None:
            raise SpecError(f"/budget/{name}", NO_TOLERANCE)
    if spec.interval not in ("stream", "fixed"):
        why = "each observation has an interval of its own: stream (all hold jointly) or fixed (each by itself)"
        raise SpecError("/interval", f"interval is {spec.interval!r}, but {why}")
    if len(feed.given) > MOST_OBSERVATIONS or (feed.expected or 0) > MOST_OBSERVATIONS:
        raise SpecError("", f"a job assimilates at most {MOST_OBSERVATIONS} observations; split them over several jobs")
