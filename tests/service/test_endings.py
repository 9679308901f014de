"""How jobs end: by each limit of their budget, by a failure that is named, by a crash that harms no other job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import Registry, registry
from burnish_workers.engine.fleet import InlineFleet, WorkerDied
from burnish_workers.testing import KIND

from .bad_specs import GOOD, spec
from .harness import QUICK, Service, blocks_of, in_memory


def test_units(service: Service) -> None:
    job = service.run(spec({"budget": {"units": 5000, "seconds": 60}}))
    assert job["stopped_by"] == "units"
    assert 5000 <= job["spent"]["units"] < 2 * 5000


@pytest.mark.parametrize("clock", ["seconds", "worker_seconds"])
def test_clocks(service: Service, clock: str) -> None:
    job = service.run({**QUICK, "budget": {clock: 0.4}, "nap": 0.01})
    assert (job["status"], job["stopped_by"]) == ("completed", clock)
    assert job["spent"][clock] > 0
    assert job["last_refinement"]["blocks"] > 1


@pytest.mark.parametrize("tolerance", [{"rel_tol": 0.05}, {"abs_tol": 0.05}])
def test_tolerances(service: Service, tolerance: dict[str, float]) -> None:
    job = service.run(spec({"budget": {**tolerance, "seconds": 60}}))
    assert (job["status"], job["stopped_by"]) == ("completed", "tolerance")
    last = job["last_refinement"]
    (value,), (low,), (high,) = last["estimate"]["value"], last["interval"]["lower"], last["interval"]["upper"]
    assert (high - low) / 2 <= tolerance.get("abs_tol", 0) + tolerance.get("rel_tol", 0) * abs(value)
    assert low < value < high


def test_the_end_of_the_plan(service: Service) -> None:
    """A tolerance that cannot be met: the job gives up where its plan ends, and says so."""
    posted = blocks_of(16, budget={"abs_tol": 1e-9})
    posted["resolution"]["extensible"] = False
    job = service.run(posted)
    assert (job["status"], job["stopped_by"]) == ("completed", "planned_blocks")
    assert job["last_refinement"]["blocks"] == 16


@pytest.mark.parametrize(("amount", "ends"), [({"units": 10**7}, "tolerance"), ({}, "planned_blocks")])
def test_a_pilot_that_was_too_hopeful(
    service: Service, monkeypatch: pytest.MonkeyPatch, amount: dict[str, int], ends: str
) -> None:
    """By a factor of some twenty: with units left the job goes on beyond its plan and meets its tolerance."""
    for name in ("LADDER_ROOM", "TOLERANCE_ROOM"):
        monkeypatch.setattr(f"burnish_workers.engine.resolve.{name}", 0.1)
    job = service.run(spec({"budget": {"abs_tol": 0.01, **amount}}))
    resolution, last = job["resolved"]["resolution"], job["last_refinement"]
    assert job["stopped_by"] == ends
    assert resolution["extensible"] == bool(amount)
    assert (last["blocks"] > resolution["blocks_planned"]) == bool(amount)
    (low,), (high,) = last["interval"]["lower"], last["interval"]["upper"]
    assert ((high - low) / 2 <= 0.01) == bool(amount)


def test_a_simulation_that_fails_is_named(service: Service) -> None:
    job = service.run(blocks_of(64, nap=0.01, fail_at=300))
    assert job["status"] == "crashed", "it is not the spec that is to blame"
    assert job["error"]["detail"] == "ArithmeticError: replicate 300 was told to fail"
    assert job["error"]["type"] == "/problems/job-crashed"
    assert job["last_refinement"]["blocks"] >= 1, "what was found before is kept"
    last = service.events(job["id"])[-1]
    assert (last["type"], last["data"]["error"]["detail"]) == (job["status"], job["error"]["detail"])
    assert service.run(QUICK)["status"] == "completed"


def _broken(**parts: Callable[..., Any]) -> Registry:
    return Registry([*(kind for kind in registry() if kind.name != KIND.name), replace(KIND, **parts)])


def _raise(error: Exception) -> Callable[..., Any]:
    def raising(*_: Any) -> Any:
        raise error

    return raising


CRASHES: list[tuple[str, dict[str, Any], str, str]] = [
    ("draft", {"draft": _raise(RuntimeError("boom"))}, "crashed", "RuntimeError: boom"),
    ("statistics", {"statistics": _raise(KeyError("boom"))}, "crashed", "KeyError: 'boom'"),
    ("spec", {"draft": _raise(SpecError("/nap", "too tired"))}, "failed", "/nap: too tired"),
]


@pytest.mark.parametrize(("name", "parts", "status", "detail"), CRASHES, ids=[case[0] for case in CRASHES])
def test_kinds_that_raise(serve: Callable[..., Service], name: str, parts: Any, status: str, detail: str) -> None:
    made = in_memory()
    made.installed = lambda: _broken(**parts)
    service = serve(made)
    job = service.run(QUICK)
    assert (job["status"], job["error"]["detail"]) == (status, detail)
    assert job["resumable"] is (status == "crashed")
    assert service.events(job["id"])[-1]["type"] == status
    assert service.run(GOOD)["status"] == "completed", "other jobs go on"


def test_a_kind_that_the_runner_does_not_know(serve: Callable[..., Service]) -> None:
    made = in_memory()
    made.installed = lambda: Registry([kind for kind in registry() if kind.name != KIND.name])
    service = serve(made)
    job = service.run(QUICK)
    assert job["status"] == "crashed"
    known = ", ".join(kind.name for kind in sorted(made.installed(), key=lambda kind: kind.name))
    assert job["error"]["detail"] == f"kind 'correlated' is not installed here (known: {known})"
    assert service.run(GOOD)["status"] == "completed"


class Deadly(InlineFleet):
    """Its workers die of jobs that fail: what an out-of-memory kill looks like from here."""

    async def run(self, task: Any) -> Any:
        if task.code.resolved.get("fail_at") is not None:
            raise WorkerDied("killed by signal 9")
        return await super().run(task)


@pytest.mark.parametrize("stage", ["pilot", "block"])
def test_a_block_that_kills_its_workers(serve: Callable[..., Service], stage: str) -> None:
    made = in_memory()
    made.fleet = lambda: Deadly(2)
    service = serve(made)
    job = service.run({**QUICK, "fail_at": 0} if stage == "pilot" else blocks_of(8, fail_at=0))
    assert job["status"] == "crashed"
    assert "killed by signal 9" in job["error"]["detail"]
    assert service.run(QUICK)["status"] == "completed"
