"""Fixtures for all tests."""

from __future__ import annotations

import os

# Before anything imports ray or builds the registry.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["BURNISH_EXTRA_KINDS"] = ",".join(
    f"burnish_workers.{name}" for name in ("testing", "testing_lanes", "testing_feed", "testing_memory")
)
