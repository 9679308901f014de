"""Canaries on a real service: the runner that leads runs them, and everybody can see how they fared."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest

from burnish import Burnish, wire

from .conftest import running

pytestmark = [pytest.mark.law, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_canaries_run_and_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_CANARY_EVERY", "0.5")
    with running(tmp_path, 2) as cluster, Burnish(cluster.url) as client:
        found = _all_flown(client)
        told = httpx2.get(f"{cluster.url}/metrics", timeout=30).text
        jobs = list(client.list())
    assert found.every == 0.5
    assert {canary.kind for canary in found.data} == {"surrogate", "posterior", "reasoning"}
    for canary in found.data:
        assert canary.runs == canary.held + canary.missed + canary.refused + canary.broken
        assert (canary.broken, canary.failing) == (0, False), canary
        line = f'burnish_canary_runs_total{{canary="{canary.name}",verdict="held"}} '
        (counted,) = [float(row.removeprefix(line)) for row in told.splitlines() if row.startswith(line)]
        assert counted >= canary.held
    assert sum(canary.held for canary in found.data) >= 2
    assert jobs == [], "canaries are nobody's jobs"


def _all_flown(client: Burnish, patience: float = 120.0) -> wire.Canaries:
    """Once every one of them has ended."""
    deadline, found = time.monotonic() + patience, client.canaries()
    while not all(canary.runs for canary in found.data):
        assert time.monotonic() < deadline, f"not all canaries ran in {patience:g} s: {found}"
        time.sleep(0.5)
        found = client.canaries()
    return found
