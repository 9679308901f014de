"""What the adapters have in common: upload a model of viscous Burgers, correct it, compare with the exact solution."""

from __future__ import annotations

import io
import sys

import numpy as np
import torch

from burnish import Burnish
from burnish.exporting import ExportedModel

DIM, HORIZON, SIGMA = 3, 0.5, 0.25
"""d_t u + mu sum d_i u + s^2/2 Laplacian u + s^2 u sum d_i u = 0 with mu = -(1/d + s^2/2), u(T, x) = sigmoid(T + sum x)
in d = 3: the `viscous-burgers` of the catalogue, in its dimension."""


def correct(model: ExportedModel, seconds: float = 4.0) -> int:
    """Correct the model at 50 points in a service within this process; the exit code is 0 if that made it better."""
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (50, DIM))
    truth = 1 / (1 + np.exp(-points.sum(1)))  # at t = 0; only this script knows it
    with Burnish.local() as client:
        stored = client.upload_model(model)
        job = client.surrogate(
            problem={"name": "viscous-burgers", "dim": DIM},
            surrogate=stored,
            points=points.tolist(),
            budget={"seconds": seconds},
            seed=7,
        ).wait()
        estimate = job.estimate
    if estimate is None:
        print(f"the job ended without an answer: {job.status}")
        return 1
    corrected = np.array(estimate.value, dtype=float)
    module = torch.export.load(io.BytesIO(model.data)).module()
    before = module(torch.zeros(len(points)), torch.tensor(points, dtype=torch.float32)).detach().double().numpy()
    errors = [float(np.linalg.norm(each - truth) / np.linalg.norm(truth)) for each in (before, corrected)]
    print(f"model {model.id[:19]}..., {len(model.data):,} bytes")
    print(f"relative L2 error: model {errors[0]:.1e}, corrected {errors[1]:.1e} after {seconds:g} s")
    return 0 if errors[1] < errors[0] else 1


def finish(model: ExportedModel) -> None:
    """Correct it and end the script."""
    sys.exit(correct(model))
