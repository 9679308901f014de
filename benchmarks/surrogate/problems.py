"""The problems of the benchmark: equation, exact solution, where points are drawn, surrogate, published figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Array

from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.model_file import inspect_model
from burnish_workers.kinds.surrogate import references
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.trained import trained_models
from burnish_workers.tensors.probe import judge

MODELS = Path(__file__).with_name("models")
SHIPPED = "shipped"
SHORT = {
    "linear-convection-diffusion": "LCD",
    "viscous-burgers": "VB",
    "diffusion-reaction": "DR",
    "hjb-quadratic-form": "HJB",
}
DIMS = {
    "linear-convection-diffusion": (10, 20, 30, 60),
    "viscous-burgers": (20, 40, 60, 80),
    "diffusion-reaction": (100, 120, 140, 160),
    "hjb-quadratic-form": (100, 120, 140, 160),
}

Figures = tuple[float, float, float]
"""Relative L2 errors: surrogate, simulation without one, corrected."""

PUBLISHED: dict[tuple[str, int, str], Figures] = {
    ("linear-convection-diffusion", 10, "pinn"): (5.2e-2, 2.3e-1, 2.7e-2),
    ("linear-convection-diffusion", 20, "pinn"): (9.1e-2, 2.4e-1, 4.7e-2),
    ("linear-convection-diffusion", 30, "pinn"): (2.3e-1, 2.4e-1, 1.8e-1),
    ("linear-convection-diffusion", 60, "pinn"): (3.1e-1, 2.4e-1, 1.3e-1),
    ("viscous-burgers", 20, "pinn"): (1.2e-2, 8.4e-2, 4.0e-3),
    ("viscous-burgers", 40, "pinn"): (4.0e-2, 1.0e-1, 2.9e-2),
    ("viscous-burgers", 60, "pinn"): (4.0e-2, 1.2e-1, 2.9e-2),
    ("viscous-burgers", 80, "pinn"): (6.8e-2, 1.2e-1, 5.7e-2),
    ("viscous-burgers", 20, "gp"): (1.5e-1, 1.9e-1, 6.2e-2),
    ("viscous-burgers", 80, "gp"): (2.7e-1, 3.0e-1, 1.5e-1),
    ("diffusion-reaction", 100, "pinn"): (9.5e-3, 9.0e-2, 8.9e-3),
    ("diffusion-reaction", 160, "pinn"): (3.5e-2, 9.0e-2, 3.2e-2),
}
"""Fan, Sun, Yang, Lu, arXiv 2504.16172, at n = 2, M = 10. Its LQG rows rest on a wrong reference and are no target."""


@dataclass(frozen=True)
class Case:
    """`model`: "pinn" (a file of `train_models.py`), "early" (the same network after seconds of training), "gp", or
    "shipped" (a network of the service's catalogue)."""

    problem: str
    dim: int
    model: str

    @property
    def key(self) -> str:
        return f"{self.problem}-{self.model}-d{self.dim}"

    @property
    def label(self) -> str:
        model = self.model.upper() if self.model in ("pinn", "gp") else self.model
        return f"{SHORT[self.problem]} {self.dim} ({model})"

    @property
    def named(self) -> dict[str, Any]:
        """The problem as it is posted."""
        return {"name": self.problem, "dim": self.dim}

    @property
    def file(self) -> Path:
        if self.model == SHIPPED:
            return trained_models()[self._shipped].path
        return MODELS / f"{self.key}.{'pt2' if self.model == 'gp' else 'safetensors'}"

    @property
    def about(self) -> dict[str, Any]:
        """How the model was made: kept in a network's own card, beside a kernel's file."""
        if self.model == "gp":
            return json.loads(self.file.with_suffix(".json").read_text())
        if self.model == SHIPPED:
            return trained_models()[self._shipped].card["about"]
        return about(self.file.read_bytes())

    @property
    def published(self) -> Figures | None:
        return PUBLISHED.get((self.problem, self.dim, self.model))

    def exact(self, t: Array, x: Array) -> Array:
        """The solution at the points: this script's own knowledge, never the service's."""
        solution: Callable[[Array, Array], Array] = getattr(references, self.problem.replace("-", "_"))
        return solution(t, x)

    def draw(self, count: int, seed: int) -> tuple[Array, Array]:
        """t ~ U[0, T) and x ~ U(box)^d, as in the paper."""
        entry, rng = equations()[self.problem], np.random.default_rng(seed)
        horizon = entry.equation(self.dim).horizon
        return rng.uniform(0, horizon, count), rng.uniform(*entry.box, (count, self.dim))

    def surrogate(self) -> tuple[dict[str, Any], Inputs]:
        """The model as a spec names it, and what the service knows of it if it is an upload."""
        return ({"name": self._shipped}, NOTHING) if self.model == SHIPPED else uploaded(self.file)

    @property
    def _shipped(self) -> str:
        return f"{self.problem}-pinn-d{self.dim}"


def about(data: bytes) -> dict[str, Any]:
    """What the card of a network says of how it was made."""
    card = inspect_model(data).tanh
    return {} if card is None else card.card["about"]


@cache
def uploaded(file: Path) -> tuple[dict[str, Any], Inputs]:
    """A model file as it is after an upload: looked through and tried."""
    data = file.read_bytes()
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    verdict = judge(data)
    if not verdict["ok"]:
        raise RuntimeError(f"{file.name} would be refused: {verdict['message']}")
    return {"model": name}, Inputs({name: {**inspect_model(data).card, **verdict["card"]}}, {name: data})


def relative(found: Array, truth: Array) -> float:
    """|found - truth|_2 / |truth|_2 over the points."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def cases() -> list[Case]:
    """Every problem, dimension and surrogate of the paper's tables that the catalogue has."""
    known = [problem for problem in DIMS if problem in equations()]
    kernels = [Case("viscous-burgers", dim, "gp") for dim in DIMS["viscous-burgers"]]
    networks = [Case(problem, dim, "pinn") for problem in known for dim in DIMS[problem]]
    early = [Case(problem, DIMS[problem][0], "early") for problem in known]
    return [*networks, Case("viscous-burgers", 20, SHIPPED), *kernels, *early]
