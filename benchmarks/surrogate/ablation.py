"""Which ingredient of method `linearised` earns what, at 410 evaluations per point.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/ablation.py

Viscous Burgers in d = 20 from the trained and the early network: the kind's defaults, and the same with one ingredient
taken away or changed. Ratios of corrected to uncorrected relative L2 errors over the seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from accuracy import EVALUATIONS, SEEDS
from cells import Cell, cell, publish
from jobs import body, cut, looks, resolved, uncorrected
from problems import Case, relative
from torch import Tensor

from burnish_workers.core.kind import resolution_of
from burnish_workers.kinds.surrogate import linearised

POINTS = 200


@contextmanager
def _unpaired() -> Iterator[None]:
    """Plain Monte Carlo: independent paths in place of mirrored, stratified ones (as many of them)."""
    noise_of, paths, generator = linearised.stratified_noise, linearised.Paths, torch.Generator().manual_seed(9)

    def fresh(t: Tensor, times: Tensor, noise: Tensor, *rest: Any) -> Tensor:
        return noise

    def independent(t: Tensor, x: Tensor, times: Tensor, noise: Tensor) -> Any:
        return paths(t, x, times, torch.randn(noise.shape, generator=generator))

    linearised.stratified_noise, linearised.Paths = fresh, independent  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        linearised.stratified_noise, linearised.Paths = noise_of, paths  # pyright: ignore[reportAttributeAccessIssue]


VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no strata": {"strata": 1},
    "independent paths": {"unpaired": True},
    "no corrections": {"parts": ("path",)},
    "steps = 8, strata = 2": {"steps": 8, "strata": 2},
    "strata = 8": {"strata": 8},
}


def run(case: Case, seed: int, unpaired: bool = False, parts: tuple[str, ...] = (), **plan: int) -> Cell:
    """One job with its plan overridden; the answer is the sum of `parts`, or whole."""
    t, x = case.draw(POINTS, 100 + seed)
    (surrogate, inputs), truth = case.surrogate(), case.exact(t, x)
    spec = resolved(body(case.named, surrogate, t, x, seed=seed, method="linearised"), inputs)
    chosen = resolution_of(spec).model_copy(update={"plan": {**resolution_of(spec).plan, **plan}})
    with _unpaired() if unpaired else nullcontext():
        *_, seen = looks(cut(spec.model_copy(update={"resolution": chosen}), inputs, EVALUATIONS), inputs)
    start, answer = uncorrected(surrogate, inputs, t, x), seen.answer
    found = start + sum(answer.parts[name].mean for name in parts) if parts else answer.combined.value
    counted = answer.diagnostics["evaluations_per_point"]
    return {"ratio": relative(found, truth) / relative(start, truth), "evaluations": counted}


def main() -> None:
    """Run what is missing and print a row per variant."""
    torch.set_num_threads(1)
    found: list[Cell] = []
    for model in ("pinn", "early"):
        case = Case("viscous-burgers", 20, model)
        for label, how in VARIANTS.items():
            key = f"{case.key}-{label.replace(' ', '-')}"
            runs = [cell("ablation", f"{key}-s{s}", lambda c=case, s=s, h=how: run(c, s, **h)) for s in SEEDS]
            ratios, counted = [each["ratio"] for each in runs], max(each["evaluations"] for each in runs)
            row = {"case": case.label, "variant": label, "ratio": float(np.mean(ratios))}
            found.append({**row, "least": min(ratios), "most": max(ratios), "evaluations": counted})
            print(found[-1], flush=True)
    publish("ablation", "python benchmarks/surrogate/ablation.py", found)


if __name__ == "__main__":
    main()
