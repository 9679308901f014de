"""`{"fit": {...}}` over a real port: progress in the stream, the model among the models, wrong fits at the door."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from burnish import Burnish
from burnish_workers.kinds.surrogate.fits import MOST_PARAMETERS

from .harness import Service, in_memory, messages, serving

FIT = {"steps": 12, "width": 8, "depth": 2, "batch": 32, "optimiser": "adam"}
SPEC: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers", "dim": 3},
    "surrogate": {"fit": FIT},
    "points": [{"x": 0.0}],
    "budget": {"units": 2_000},
    "seed": 5,
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(in_memory()) as running:
        yield running


def spec(**changes: Any) -> dict[str, Any]:
    """SPEC with fields of the spec, or (`fit_...`) of its fit, replaced."""
    changed = copy.deepcopy(SPEC)
    for name, value in changes.items():
        place, field = (changed["surrogate"]["fit"], name[4:]) if name.startswith("fit_") else (changed, name)
        place[field] = value
    return changed


def test_training_is_streamed_and_its_model_is_there_for_later_jobs(service: Service) -> None:
    id = service.create(SPEC)["id"]
    with service.stream(f"/v1/jobs/{id}/events") as reply:
        heard = [message for message in messages(reply) if message.id is not None]
    told = [message.data for message in heard if message.type == "progress"]
    assert [(t["stage"], t["total"]) for t in told] == [("fitting", 12)] * len(told)
    assert told[-1]["done"] == 12
    assert set(told[-1]["metrics"]) == {"loss", "residual", "terminal"}
    order = [message.type for message in heard]
    assert order.index("progress") < order.index("refinement") < order.index("completed")
    job = service.get(id)
    model = job["resolved"]["surrogate"]["model"]
    kept = service.client.get(f"/v1/models/{model}").json()
    assert kept["state"] == "ready"
    assert kept["card"]["fitted"]["job"] == id
    assert service.client.delete(f"/v1/models/{model}").status_code == 409
    later = service.run({**SPEC, "surrogate": {"model": model}})
    assert later["status"] == "completed"
    assert "progress" not in {event["type"] for event in service.events(later["id"])}


def test_the_sdk_takes_a_fit_and_sees_its_progress(service: Service) -> None:
    with Burnish(service.url) as client:
        job = client.surrogate(
            problem="viscous-burgers", dim=3, surrogate={"fit": FIT}, points=[0.0], budget={"units": 2_000}, seed=5
        )
        kinds = [event.type for event in job.events()]
        job.refresh()
        assert "progress" in kinds
        assert job.status == "completed"
        assert job.snapshot.resolved is not None
        assert job.snapshot.resolved.model_dump()["surrogate"]["model"].startswith("sha256:")


def test_a_plan_says_what_part_to_train(service: Service) -> None:
    posted = spec(budget={"seconds": 6})
    for name in ("steps", "optimiser"):
        del posted["surrogate"]["fit"][name]
    reply = service.client.post("/v1/plan", json=posted, timeout=60)
    # On a slow machine the plan is a job that will tell.
    plan = service.finished(reply.json()["id"])["plan"] if reply.status_code == 202 else reply.json()
    fit = plan["fit"]
    assert fit["share"] == pytest.approx(fit["seconds"] / 6)
    assert 0 < fit["share"] < 1
    assert len(fit["trials"]) >= 1
    assert plan["resolved"]["surrogate"]["fit"]["steps"] == fit["steps"]
    assert plan["seconds"]["estimate"] > fit["seconds"]
    assert plan["half_width"] > 0


@pytest.mark.parametrize(
    ("changes", "pointer", "why"),
    [
        ({"fit_stepz": 3}, "/surrogate/fit/stepz", "did you mean 'steps'"),
        ({"fit_optimiser": "adamm"}, "/surrogate/fit/optimiser", "levenberg-marquardt"),
        ({"fit_seconds": 2.0}, "/surrogate/fit", "steps and seconds each say how long"),
        ({"fit_steps": 0}, "/surrogate/fit/steps", "1"),
        ({"fit_box": [1.0, 0.0]}, "/surrogate/fit", "low < high"),
        ({"fit_decay": 0.1}, "/surrogate/fit", "decay belongs to optimiser steepest"),
        ({"fit_sampling": "box"}, "/surrogate/fit/sampling", "one point spans no box"),
        ({"fit_width": 1_000, "fit_depth": 3}, "/surrogate/fit/width", f"at most {MOST_PARAMETERS:,} are trained"),
        ({"fit_optimiser": "levenberg-marquardt", "fit_width": 100}, "/surrogate/fit/width", "5,000 that levenberg"),
        ({"fit_batch": 65_536, "fit_width": 500}, "/surrogate/fit/batch", "too much memory"),
        ({"fit_steps": None, "fit_share": 0.5}, "/surrogate/fit/share", "has none of them"),
        ({"fit_steps": None, "fit_seconds": 9.0, "budget": {"seconds": 5}}, "/surrogate/fit/seconds", "leave nothing"),
        ({"surrogate": {"fit": 3}}, "/surrogate/fit", "got 3"),
        ({"surrogate": {"fit": {}, "name": "x"}}, "/surrogate/name", "does not go with the others"),
    ],
)
def test_wrong_fits_are_refused_at_the_door(service: Service, changes: Any, pointer: str, why: str) -> None:
    reply = service.post(spec(**changes))
    assert reply.status_code == 422, reply.text
    errors = reply.json()["errors"]
    assert any(error["pointer"] == pointer and why in error["detail"] for error in errors), errors


def test_a_resolution_beside_a_fit_is_refused(service: Service) -> None:
    done = service.run(SPEC)
    reply = service.post({**done["resolved"], "surrogate": {"fit": FIT}})
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "/resolution"
