"""What is left of quotas, as headers: structured fields that any client reads."""

from __future__ import annotations

from typing import Any

import http_sf
import pytest

from burnish_service.ratelimit import LARGEST, headers
from burnish_workers.engine.quotas import Caller, Limit


def parsed(limits: list[Limit], *, refused: bool = False) -> dict[str, dict[str, dict[str, Any]]]:
    """Each header's items by name, with their parameters; strings, not tokens."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, value in headers(limits, refused=refused):
        items = http_sf.parse(value, tltype="list")
        assert all(type(item) is str for item, _ in items)
        found[name.decode()] = dict(items)
    return found


def test_every_limit_is_an_item_of_both_lists() -> None:
    caller = Caller("acme")
    limits = [caller.jobs(5, 2), caller.units(1_000, 30.5, 4_000.2), caller.bytes(10_000, 20_000)]
    assert parsed(limits) == {
        "ratelimit-policy": {
            "jobs": {"q": 5, "qu": "concurrent-requests"},
            "units": {"q": 1_000, "qu": "burnish-units", "w": 86_400},
            "bytes": {"q": 10_000, "qu": "content-bytes"},
        },
        "ratelimit": {"jobs": {"r": 3}, "units": {"r": 969, "t": 4_001}, "bytes": {"r": 0}},
    }
    assert headers([]) == []


def test_quotas_beyond_fifteen_digits_are_told_as_much_as_can_be_told() -> None:
    found = parsed([Caller("acme").units(10**18, 1.0, 60.0)])
    assert (found["ratelimit-policy"]["units"]["q"], found["ratelimit"]["units"]["r"]) == (LARGEST, LARGEST)
    with pytest.raises(ValueError, match=r"\d"):
        http_sf.parse(f'"units";q={LARGEST + 1}'.encode(), tltype="list")


def test_no_reset_lies_after_the_retry_of_a_refusal() -> None:
    """Full of jobs, with a Retry-After of seconds: that units come back at midnight is not what to wait for."""
    caller = Caller("acme")
    limits = [caller.jobs(2, 2), caller.units(1_000, 30.5, 4_000.2)]
    assert parsed(limits, refused=True)["ratelimit"] == {"jobs": {"r": 0}}
    spent = [caller.jobs(2, 1), caller.units(1_000, 1_000.0, 60.0)]
    assert parsed(spent, refused=True)["ratelimit"] == {"jobs": {"r": 1}, "units": {"r": 0, "t": 60}}
