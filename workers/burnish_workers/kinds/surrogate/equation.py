"""The equation on tensors: coefficients, nonlinearity with its partial derivatives, and the defect of a surrogate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.kinds.surrogate.problem import Problem
from burnish_workers.kinds.surrogate.stepping import euler, lognormal
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.jets import attached


class Linearisation(NamedTuple):
    """The defect equation at (u_hat, z_hat): eps (B,), F_u (B,), F_z (B, k) or None where F ignores z.

    In the martingale form: F - F_u u_hat - <F_z, z_hat> for eps, and `hedge`, z_hat (B, k).
    """

    residual: Tensor
    by_u: Tensor
    by_z: Tensor | None
    hedge: Tensor | None = None

    def repeat(self, copies: int) -> Linearisation:
        """The same for `copies` stacked copies of the points."""
        by_z, hedge = (None if part is None else part.repeat(copies, 1) for part in (self.by_z, self.hedge))
        return Linearisation(self.residual.repeat(copies), self.by_u.repeat(copies), by_z, hedge)


@dataclass(frozen=True)
class TensorEquation:
    """d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u) + F(t, x, u, z) = 0, u(T, .) = g, with a surrogate u_hat.

    t (B,), x (B, d), u (B,), z (B, k). All functions are differentiable in x where autograd is on.
    `frozen`: F stays at (u_hat, z_hat), with F_u = F_z = 0 (Picard iteration). `hedged`: the martingale form, which
    needs no second derivatives of u_hat; see `path_functional`.
    """

    dim: int
    horizon: float
    surrogate: Field
    drift: Callable[[Tensor, Tensor], Tensor]
    diffusion: Callable[[Tensor, Tensor], Diffusion]
    nonlinearity: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    terminal: Callable[[Tensor], Tensor]
    uses_u: bool
    uses_z: bool
    frozen: bool = False
    hedged: bool = False
    proportional: tuple[Tensor, Diffusion] | None = None
    """m (d,) and s where mu_i = m_i x_i and sigma_i = s_i x_i: paths then take lognormal steps."""

    def held(self, t: Tensor, x: Tensor, by_z: Tensor | None) -> tuple[Tensor, Diffusion]:
        """mu + sigma F_z (B, d) and sigma, which a path holds over its next step; relative to x where proportional."""
        if self.proportional is None:
            drift, sigma = self.drift(t, x), self.diffusion(t, x)
        else:
            growth, sigma = self.proportional
            drift = growth.to(x.dtype).expand(x.shape)
        return (drift if by_z is None else drift + sigma.apply(by_z)), sigma

    def step(self, x: Tensor, dt: Tensor, drift: Tensor, sigma: Diffusion, noise: Tensor) -> Tensor:
        """A path's next place, with what `held` gave."""
        return (euler if self.proportional is None else lognormal)(x, dt, drift, sigma, noise)

    def terminal_defect(self, x: Tensor) -> Tensor:
        """g~ = g - u_hat(T, .); g itself in the martingale form."""
        if self.hedged:
            return self.terminal(x)
        return self.terminal(x) - self.surrogate.value(x.new_full((len(x),), self.horizon), x)

    def linearise(self, t: Tensor, x: Tensor, probes: torch.Generator) -> tuple[Linearisation, Tensor, Tensor]:
        """The residual eps = generated + F(u_hat, z_hat) and the partial derivatives of F there; also u_hat, z_hat."""
        if self.hedged:
            return self._hedged(t, x)
        jet = self.surrogate.jet(t, x, self.drift(t, x), self.diffusion(t, x), probes)
        value, by_u, by_z = self._partials(t, x, jet.u, jet.z)
        return Linearisation(jet.generated + value, by_u, by_z), jet.u, jet.z

    def _hedged(self, t: Tensor, x: Tensor) -> tuple[Linearisation, Tensor, Tensor]:
        u, z = slope(self.surrogate, t, x, self.diffusion(t, x))
        value, by_u, by_z = self._partials(t, x, u, z)
        running = value - by_u * u if by_z is None else value - by_u * u - (by_z * z).sum(-1)
        return Linearisation(running, by_u, by_z, z), u, z

    def rates(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """F_u (B,) and F_z (B, k) or None at (u_hat, z_hat), without second derivatives of u_hat."""
        if self.frozen or not (self.uses_u or self.uses_z):
            return torch.zeros_like(x[:, 0]), None
        u, z = slope(self.surrogate, t, x, self.diffusion(t, x))
        _, by_u, by_z = self._partials(t, x, u, z)
        return by_u, by_z

    def remainder(self, t: Tensor, x: Tensor, u: Tensor, z: Tensor, v: Tensor, w: Tensor) -> Tensor:
        """Q(v, w) = F(u_hat + v, z_hat + w) - F(u_hat, z_hat) - F_u v - <F_z, w>."""
        value, by_u, by_z = self._partials(t, x, u, z)
        first_order = by_u * v if by_z is None else by_u * v + (by_z * w).sum(-1)
        return self.nonlinearity(t, x, u + v, z + w) - value - first_order

    def _partials(self, t: Tensor, x: Tensor, u: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.frozen or not (self.uses_u or self.uses_z):
            return self.nonlinearity(t, x, u, z), torch.zeros_like(u), None
        keep = torch.is_grad_enabled() and (u.requires_grad or z.requires_grad or x.requires_grad)
        with torch.enable_grad():
            # Aliases: z may have been computed from u (exp keeps its result), but the derivatives wanted are partial.
            u, z = (u.clone(), z.clone()) if keep else (u.detach(), z.detach())
            u, z = (tensor if tensor.requires_grad else tensor.requires_grad_() for tensor in (u, z))
            value = self.nonlinearity(t, x, u, z)
            if not value.requires_grad:
                return value, torch.zeros_like(u), None
            grads = torch.autograd.grad(value.sum(), (u, z), create_graph=keep, allow_unused=True)
        by_u = torch.zeros_like(u) if grads[0] is None else grads[0]
        return (value if keep else value.detach()), by_u, grads[1] if self.uses_z else None


def slope(field: Field, t: Tensor, x: Tensor, diffusion: Diffusion) -> tuple[Tensor, Tensor]:
    """u (B,) and z = sigma^T grad u (B, k) of a field by one reverse pass; differentiable in x where autograd is on."""
    keep = torch.is_grad_enabled() and x.requires_grad
    with torch.enable_grad():
        place = x if keep else x.detach().requires_grad_()
        u = field.value(t, place)
        (by_x,) = torch.autograd.grad(u.sum(), place, create_graph=keep)
    # A field that is linear in x has a gradient which does not depend on x at all.
    z = diffusion.transpose(by_x)
    return (u, attached(z, x)) if keep else (u.detach(), z)


def tensor_equation(problem: Problem, surrogate: Field, device: torch.device) -> TensorEquation:
    """Lower a parsed problem to tensors on `device`, in single precision."""
    matrix = None if isinstance(problem.diffusion, Expression) else problem.diffusion
    drift, nonlinearity, terminal = (lower(e) for e in (problem.drift, problem.nonlinearity, problem.terminal))
    constant = None if matrix is None else torch.as_tensor(matrix, dtype=torch.float32, device=device)

    def mu(t: Tensor, x: Tensor) -> Tensor:
        value = drift({"t": t, "x": x})
        return (value if value.ndim == 2 else value[:, None]).expand(x.shape)

    def sigma(t: Tensor, x: Tensor) -> Diffusion:
        if constant is not None:
            return Diffusion(constant, "matrix")
        value = scale({"t": t, "x": x})
        return Diffusion(value, "scalar" if value.ndim == 1 else "diagonal")

    scale = lower(problem.diffusion) if isinstance(problem.diffusion, Expression) else drift
    names, factors = problem.nonlinearity.names, problem.proportional
    growth, volatility = (torch.as_tensor(f, dtype=torch.float32, device=device) for f in factors or (0.0, 1.0))
    relative = growth, Diffusion(volatility, "diagonal" if volatility.ndim else "scalar")
    return TensorEquation(
        dim=problem.dim,
        horizon=problem.horizon,
        surrogate=surrogate,
        drift=mu,
        diffusion=sigma,
        nonlinearity=lambda t, x, u, z: nonlinearity({"t": t, "x": x, "u": u, "z": z}),
        terminal=lambda x: terminal({"x": x}),
        uses_u="u" in names,
        uses_z="z" in names,
        proportional=relative if factors else None,
    )
