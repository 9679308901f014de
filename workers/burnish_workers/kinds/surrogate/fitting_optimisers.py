"""Optimisers as pure functions of named tensors: (parameters, memory, step, steps) -> the next ones.

Nothing is kept between calls, so that training can stop anywhere and go on elsewhere with equal bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from burnish.wire.specs.fit import Fit
from burnish_workers.kinds.surrogate.fitting_network import Parameters

RATES = {"adam": 4e-3, "steepest": 2e-2, "levenberg-marquardt": 1.0}
"""Peak step sizes where the spec gives none."""


class Loss(Protocol):
    """The loss on the places of one step."""

    def loss(self, parameters: Parameters) -> Tensor: ...

    def judged(self, parameters: Parameters) -> Tensor:
        """The same on other places."""
        ...

    def each(self, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Its terms before squaring, r (n,) with loss = |r|^2, and their gradients J (n, p) in the order of `flat`."""
        ...


class Optimiser(Protocol):
    def begin(self, parameters: Parameters) -> Parameters:
        """Its memory before the first step."""
        ...

    def step(
        self, parameters: Parameters, memory: Parameters, loss: Loss, step: int, steps: int
    ) -> tuple[Parameters, Parameters]:
        """One step of `steps`."""
        ...


def optimiser_of(fit: Fit) -> Optimiser:
    """The optimiser of a settled fit."""
    assert fit.optimiser is not None
    rate = fit.rate or RATES[fit.optimiser]
    if fit.optimiser == "adam":
        return Adam(rate)
    if fit.optimiser == "steepest":
        return Steepest(rate, fit.decay)
    return LevenbergMarquardt(rate)


def one_cycle(step: int, steps: int, warm: float = 0.3) -> float:
    """Share of the peak rate: from 1/25 up over the first `warm` of the steps, then down to 1/250,000, along cosines.

    Source: Smith, Topin, Super-convergence (arXiv 1708.07120), with the constants of torch's OneCycleLR.
    """
    top = max(warm * steps - 1, 1.0)
    low, end = 1 / 25, 1 / 250_000
    if step <= top:
        return low + (1 - low) * (1 - math.cos(math.pi * step / top)) / 2
    passed = min((step - top) / max(steps - 1 - top, 1.0), 1.0)
    return end + (1 - end) * (1 + math.cos(math.pi * passed)) / 2


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma, Ba, arXiv 1412.6980) under a one-cycle schedule."""

    rate: float
    first: float = 0.9
    second: float = 0.999

    def begin(self, parameters: Parameters) -> Parameters:
        return {f"{name}/{m}": torch.zeros_like(p) for name, p in parameters.items() for m in ("mean", "square")}

    def step(
        self, parameters: Parameters, memory: Parameters, loss: Loss, step: int, steps: int
    ) -> tuple[Parameters, Parameters]:
        rate = self.rate * one_cycle(step, steps)
        gradients = _gradients(loss, parameters)
        after, kept = dict[str, Tensor](), dict[str, Tensor]()
        for name, gradient in gradients.items():
            mean = kept[f"{name}/mean"] = memory[f"{name}/mean"].lerp(gradient, 1 - self.first)
            square = kept[f"{name}/square"] = memory[f"{name}/square"].lerp(gradient**2, 1 - self.second)
            unbiased = mean / (1 - self.first ** (step + 1))
            scale = (square / (1 - self.second ** (step + 1))).sqrt() + 1e-8
            after[name] = parameters[name] - rate * unbiased / scale
        return after, kept


@dataclass(frozen=True)
class Steepest:
    """Steepest descent in the largest row norm: the momentum of each unit's weights and bias goes at unit length,
    W_i <- (1 - rate decay) W_i - rate M_i / |M_i|, with decoupled weight decay.

    A relative of normalised SGD and of Muon (Bernstein, Newhouse, Old Optimizer, New Norm, arXiv 2409.20325: descent in
    an operator norm; decay as in Loshchilov, Hutter, arXiv 1711.05101).
    """

    rate: float
    decay: float = 0.0
    momentum: float = 0.95

    def begin(self, parameters: Parameters) -> Parameters:
        return {name: torch.zeros_like(p) for name, p in parameters.items()}

    def step(
        self, parameters: Parameters, memory: Parameters, loss: Loss, step: int, steps: int
    ) -> tuple[Parameters, Parameters]:
        rate = self.rate * one_cycle(step, steps)
        gradients = _gradients(loss, parameters)
        kept = {name: memory[name].lerp(gradient, 1 - self.momentum) for name, gradient in gradients.items()}
        after = dict[str, Tensor]()
        for layer in range(len(parameters) // 2):
            weight, bias = f"weight{layer}", f"bias{layer}"
            length = (kept[weight].square().sum(1) + kept[bias].square()).sqrt().clamp_min(1e-30)
            after[weight] = (1 - rate * self.decay) * parameters[weight] - rate * kept[weight] / length[:, None]
            after[bias] = parameters[bias] - rate * kept[bias] / length
        return after, kept


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Damped Gauss-Newton: p <- p - rate J^T (J J^T + lambda Id)^-1 r on the n misfits of a batch, kept where it lowers
    their sum of squares; lambda falls then (times 1/3) and rises otherwise (times 2).

    The n x n system is solved in double precision. Source: Marquardt, J. SIAM 11 (1963).
    """

    rate: float
    least: float = 1e-10
    most: float = 1e6
    tries: int = 4

    def begin(self, parameters: Parameters) -> Parameters:
        return {"damping": next(iter(parameters.values())).new_tensor(1e-2)}

    def step(
        self, parameters: Parameters, memory: Parameters, loss: Loss, step: int, steps: int
    ) -> tuple[Parameters, Parameters]:
        misfits, jacobian = loss.each(parameters)
        solve, before = _Damped.of(jacobian, misfits), loss.judged(parameters)
        damping = memory["damping"]
        for _ in range(self.tries):
            after = unflattened(solve(damping), parameters, -self.rate)
            if bool(loss.judged(after) < before):
                return after, {"damping": (damping / 3).clamp_min(self.least)}
            damping = (damping * 2).clamp_max(self.most)
        return dict(parameters), {"damping": damping}


@dataclass(frozen=True)
class _Damped:
    """The solution of min |J p - r|^2 + lambda |p|^2 by the smaller of the two normal equations, in doubles."""

    jacobian: Tensor
    normal: Tensor
    right: Tensor
    wide: bool

    @staticmethod
    def of(jacobian: Tensor, misfits: Tensor) -> _Damped:
        wide = jacobian.shape[0] <= jacobian.shape[1]
        normal = (jacobian @ jacobian.T if wide else jacobian.T @ jacobian).double()
        return _Damped(jacobian, normal, (misfits if wide else jacobian.T @ misfits).double(), wide)

    def __call__(self, damping: Tensor) -> Tensor:
        """p (n,); `damping` is in units of the mean diagonal of J J^T or J^T J."""
        scale = self.normal.diagonal().mean().clamp_min(1e-30)
        ridge = torch.eye(len(self.normal), dtype=self.normal.dtype, device=self.normal.device)
        solved = torch.linalg.solve(self.normal + damping.double() * scale * ridge, self.right)
        solved = solved.to(self.jacobian.dtype)
        return self.jacobian.T @ solved if self.wide else solved


def flat(tensors: Parameters) -> Tensor:
    """All of them in a row, by name."""
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def unflattened(change: Tensor, parameters: Parameters, times: float) -> Parameters:
    """parameters + times change, `change` in the order of `flat`."""
    after, start = dict[str, Tensor](), 0
    for name in sorted(parameters):
        p = parameters[name]
        after[name] = p + times * change[start : start + p.numel()].view_as(p)
        start += p.numel()
    return {name: after[name] for name in parameters}


def _gradients(loss: Loss, parameters: Parameters) -> Parameters:
    leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
    with torch.enable_grad():
        gradients = torch.autograd.grad(loss.loss(leaves), list(leaves.values()))
    return dict(zip(leaves, gradients, strict=True))
