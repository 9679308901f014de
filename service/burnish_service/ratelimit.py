"""Quotas as headers: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10 (-11 has the same).

Lists of structured fields (RFC 9651), an item for each quota by its name. `q`: how much there is, `qu`: of what (taken
for requests where it is not said), `w`: in how many seconds; `r`: how much is left, `t`: seconds until there is more.
Chosen over X-RateLimit-*, which every service means in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from burnish_workers.engine.quotas import Limit

LARGEST = 999_999_999_999_999
"""Structured fields have integers of fifteen digits, and clients must ignore a field that is malformed."""


def headers(limits: Iterable[Limit], *, refused: bool = False) -> list[tuple[bytes, bytes]]:
    """As ASGI wants them; none where there are no limits. `refused`: with a Retry-After, before which no `t` of a quota
    that is not used up may lie."""
    known = [limit for limit in limits if not (refused and limit.left > 0 and limit.reset is not None)]
    if not known:
        return []
    policy, left = ", ".join(map(_policy, known)), ", ".join(map(_left, known))
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _policy(limit: Limit) -> str:
    unit = "" if limit.unit is None else f';qu="{limit.unit}"'
    window = "" if limit.window is None else f";w={limit.window}"
    return f'"{limit.name}";q={min(limit.most, LARGEST)}{unit}{window}'


def _left(limit: Limit) -> str:
    return f'"{limit.name}";r={min(limit.left, LARGEST)}' + ("" if limit.reset is None else f";t={limit.reset}")
