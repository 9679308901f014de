"""The network of a fit: a tanh MLP between scaled inputs and a scaled output, folded into a plain one for use."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.kinds.surrogate.fitting_places import Places
from burnish_workers.tensors.mlp import MLPField

Parameters = dict[str, Tensor]
"""weight0 (w, d + 1), bias0 (w,), weight1, ...: of the network between scaled inputs and output."""

_FLAT = 1e-6
"""Inputs that vary by less than this part of their size are not stretched."""


class Scaling(NamedTuple):
    """u = centre + size net((x, t) - mean) / spread): mean, spread (d + 1,), centre, size ()."""

    mean: Tensor
    spread: Tensor
    centre: Tensor
    size: Tensor

    @staticmethod
    def of(equation: TensorEquation, places: Places) -> Scaling:
        """From where the network will be used, and the terminal condition there."""
        inputs = torch.cat([places.x, places.t[:, None]], 1)
        mean, spread = inputs.mean(0), inputs.std(0)
        spread = torch.where(spread > _FLAT * mean.abs(), spread, torch.ones_like(spread))
        g = equation.terminal(places.end)
        centre, size = g.mean(), g.std()
        flat = size <= _FLAT * centre.abs()
        return Scaling(mean, spread, centre, torch.where(flat, centre.abs().clamp_min(1.0), size))


def initial(dim: int, width: int, depth: int, generator: torch.Generator) -> Parameters:
    """Glorot-normal weights, zero biases, on the generator's device."""
    device = generator.device
    found: Parameters = {}
    for layer, (a, b) in enumerate(itertools.pairwise([dim + 1, *[width] * depth, 1])):
        found[f"weight{layer}"] = torch.randn(b, a, generator=generator, device=device) * math.sqrt(2 / (a + b))
        found[f"bias{layer}"] = torch.zeros(b, device=device)
    return found


def folded(parameters: Mapping[str, Tensor], scaling: Scaling) -> MLPField:
    """The plain tanh MLP of (x, t) that the scaled network is; differentiable in the parameters."""
    last = len(parameters) // 2 - 1
    weights = [parameters[f"weight{layer}"] for layer in range(last + 1)]
    biases = [parameters[f"bias{layer}"] for layer in range(last + 1)]
    weights[0] = weights[0] / scaling.spread
    biases[0] = biases[0] - weights[0] @ scaling.mean
    weights[last] = scaling.size * weights[last]
    biases[last] = scaling.centre + scaling.size * biases[last]
    return MLPField(tuple(weights), tuple(biases))


class Misfit(NamedTuple):
    """residual (B,): eps (T - s), in units of u; terminal (B,): g - u(T, .). Both vanish for the solution."""

    residual: Tensor
    terminal: Tensor


def misfit(equation: TensorEquation, field: MLPField, places: Places) -> Misfit:
    """What the field leaves of the equation and of its terminal condition."""
    t, x = places.t, places.x
    jet = field.jet(t, x, equation.drift(t, x), equation.diffusion(t, x))
    eps = jet.generated + equation.nonlinearity(t, x, jet.u, jet.z)
    at_end = field.value(torch.full_like(t, equation.horizon), places.end)
    return Misfit(eps * places.span, equation.terminal(places.end) - at_end)
