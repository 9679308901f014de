"""Quotas as headers: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.

`q`: how much there is, `qu`: of what (requests where it is not said), `w`: in how many seconds; `r`: how much is left,
`t`: seconds until there is more. Chosen over X-RateLimit-*, which every service means in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from burnish_workers.engine.quotas import Limit


def headers(limits: Iterable[Limit]) -> list[tuple[bytes, bytes]]:
    """As ASGI wants them; none where there are no limits."""
    known = list(limits)
    if not known:
        return []
    policy, left = ", ".join(map(_policy, known)), ", ".join(map(_left, known))
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _policy(limit: Limit) -> str:
    unit = "" if limit.unit is None else f';qu="{limit.unit}"'
    window = "" if limit.window is None else f";w={limit.window}"
    return f'"{limit.name}";q={limit.most}{unit}{window}'


def _left(limit: Limit) -> str:
    return f'"{limit.name}";r={limit.left}' + ("" if limit.reset is None else f";t={limit.reset}")
