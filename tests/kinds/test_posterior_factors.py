"""Every guidance that the door accepts runs with every factor of a target, and finds the evidence that others find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import evidence, log_evidence, pseudo_values
from burnish_workers.core.keys import Key
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.posterior.kind import KIND
from burnish_workers.kinds.posterior.plan import ISLANDS

MEANS, STARTS = [[-1.0, 0.5], [1.0, 0.0]], 24
FACTORS: dict[str, dict[str, Any]] = {
    "linear": {"observation": {"operator": {"type": "matrix", "matrix": [[0.8, 0.6]]}, "y": [0.4], "sigma": 0.5}},
    "nonlinear": {"observation": {"operator": {"type": "expression", "expression": "x**2"}, "y": [1, 1], "sigma": 1.0}},
    "reward": {"reward": {"expression": "-norm2(x - 1)", "temperature": 2.0}},
}
FACTORS["both"] = FACTORS["linear"] | FACTORS["reward"]


def islands_of(changes: dict[str, Any]) -> Islands:
    body = {"kind": "posterior", "prior": {"mixture": {"means": MEANS, "variance": 0.5}}, "chain": {"steps": 20}}
    spec = PosteriorSpec.model_validate({**body, "particles": 64, "budget": {"units": 1}, **changes})
    KIND.check(spec, NOTHING)
    draft = KIND.draft(spec, "cpu", NOTHING)
    resolved = spec.model_copy(update={"resolution": provisional(draft, "cpu")})
    _, stats = KIND.load()(resolved, "cpu", NOTHING).advance({}, Key(5).child(1), 0, STARTS)
    return unflatten(stats)[ISLANDS]


@pytest.mark.parametrize("factor", FACTORS)
def test_all_guidances_find_one_evidence(factor: str) -> None:
    found, errors = list[float](), list[float]()
    for guidance in ("kalman", "gradient", "ensemble", "none"):
        islands = islands_of({**FACTORS[factor], "guidance": {"type": guidance}})
        found.append(log_evidence(islands))
        errors.append(float(pseudo_values(islands, evidence).std(ddof=1)) / np.sqrt(STARTS))
    apart = np.abs(np.array(found) - found[0]) / np.hypot(errors, errors[0])
    assert apart.max() < 5, (found, errors)
    assert max(errors) < 0.25, errors


def test_a_reward_that_is_no_number_for_some_is_counted() -> None:
    islands = islands_of({"reward": {"expression": "log(x[0])"}})
    assert islands.live.all()
    assert islands.notes[:, 0].sum() > 0
