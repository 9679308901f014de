"""The equation on tensors: partial derivatives of F, and the remainder, against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.tensors.generators import torch_generator

from .surrogates import ZERO, assert_holds, equation, expression_field, resolved, simulated, spec_of

DIM, ROWS = 3, 6
NONLINEARITIES = [
    "exp(0.3*u)*sum(z) + t*x[0]",
    "u - u**3",
    "-norm2(z)/2",
    "sin(u)*z[1] + tanh(z[0])",
    "u*u",
    "cos(t) + x[1]",
    "dot(x, z)",
    "max(u, 0.1) + u",
]


def problem(nonlinearity: str, diffusion: Any = "0.5 + 0.1*x") -> dict[str, Any]:
    return {
        "dim": DIM,
        "horizon": 1.0,
        "drift": "-0.2*x",
        "diffusion": diffusion,
        "nonlinearity": nonlinearity,
        "terminal": "sum(x)",
    }


def points() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(Key(1))
    return torch.rand(ROWS, generator=generator).double(), torch.randn(ROWS, DIM, generator=generator).double()


def differences(found: TensorEquation, t: torch.Tensor, x: torch.Tensor, u: torch.Tensor, z: torch.Tensor):
    """F_u (B,) and F_z (B, k) by central differences in double precision."""
    h = 1e-5
    by_u = (found.nonlinearity(t, x, u + h, z) - found.nonlinearity(t, x, u - h, z)) / (2 * h)
    unit = torch.eye(z.shape[1], dtype=z.dtype) * h
    columns = [(found.nonlinearity(t, x, u, z + e) - found.nonlinearity(t, x, u, z - e)) / (2 * h) for e in unit]
    return by_u, torch.stack(columns, 1)


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("diffusion", ["0.5 + 0.1*x", [[0.6, 0.1], [0.0, -0.5], [0.3, 0.4]]], ids=["x", "matrix"])
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_partial_derivatives_are_partial(nonlinearity: str, diffusion: Any, grad: bool) -> None:
    """The surrogate is an exp, whose gradient z holds u itself: F_u must not see that."""
    if nonlinearity == "dot(x, z)" and not isinstance(diffusion, str):
        pytest.skip("x and z differ in length")
    found = equation(problem(nonlinearity, diffusion), expression_field("exp(0.3*sum(x) + t)", DIM))
    t, x = points()
    x.requires_grad_(grad)
    with torch.set_grad_enabled(grad):
        if isinstance(diffusion, list):
            found_sigma = torch.tensor(diffusion, dtype=torch.float64)
            object.__setattr__(found, "diffusion", lambda t, x: type(sigma)(found_sigma, "matrix"))
            sigma = equation(problem(nonlinearity, diffusion)).diffusion(t, x)
        here, u, z = found.linearise(t, x, torch.Generator())
    by_u, by_z = differences(found, t, x.detach(), u.detach(), z.detach())
    torch.testing.assert_close(here.by_u.detach(), by_u, rtol=1e-6, atol=1e-8)
    wanted = torch.zeros_like(by_z) if here.by_z is None else here.by_z.detach()
    torch.testing.assert_close(wanted, by_z, rtol=1e-6, atol=1e-8)
    assert here.by_u.requires_grad <= grad


def test_linearisation_can_be_differentiated_in_x() -> None:
    """d/dx of F_u(u_hat(x), z_hat(x)), as the nested level needs it."""
    found = equation(problem("u**2*sum(z)"), expression_field("exp(0.3*sum(x) + t)", DIM))
    t, x = points()
    x.requires_grad_()
    here, _, _ = found.linearise(t, x, torch.Generator())
    (slope,) = torch.autograd.grad(here.by_u.sum(), x)
    h, steps = 1e-5, []
    for e in torch.eye(DIM, dtype=x.dtype) * h:
        with torch.no_grad():
            up, down = (found.linearise(t, x + sign * e, torch.Generator())[0].by_u for sign in (1, -1))
        steps.append((up - down) / (2 * h))
    torch.testing.assert_close(slope, torch.stack(steps, 1), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("nonlinearity", ["u**2 + u*z[0]", "-norm2(z)/2", "sin(u)", "3*u + sum(z) + t"])
def test_remainder_is_what_is_left_of_the_expansion(nonlinearity: str) -> None:
    found = equation(problem(nonlinearity), expression_field("exp(0.3*sum(x) + t)", DIM))
    t, x = points()
    generator = torch_generator(Key(2))
    v, w = torch.randn(ROWS, generator=generator).double(), torch.randn(ROWS, DIM, generator=generator).double()
    with torch.no_grad():
        _, u, z = found.linearise(t, x, torch.Generator())
        by_u, by_z = differences(found, t, x, u, z)
        left = found.nonlinearity(t, x, u + v, z + w) - found.nonlinearity(t, x, u, z)
        wanted = left - by_u * v - (by_z * w).sum(1)
        torch.testing.assert_close(found.remainder(t, x, u, z, v, w), wanted, rtol=1e-6, atol=1e-7)


def test_residual_of_the_exact_solution_vanishes() -> None:
    """e^{0.7 (1 - t)} sum x solves it with F = 0.7 u, whatever sigma is."""
    stated = {**problem("0.7*u + 0.2*exp(0.7*(1 - t))*sum(x)")}
    found = equation(stated, expression_field("exp(0.7*(1 - t))*sum(x)", DIM))
    t, x = points()
    here, _, _ = found.linearise(t, x, torch.Generator())
    torch.testing.assert_close(here.residual, torch.zeros(ROWS, dtype=x.dtype), rtol=0, atol=1e-12)
    assert not found.terminal_defect(x).any()


def test_a_matrix_with_fewer_motions_than_coordinates_and_a_drift_from_z() -> None:
    """F = <b, z> is a drift sigma b: u = sum x + tau <1, sigma b>, with z of k = 2 components."""
    sigma = np.array([[0.6, 0.1], [0.0, -0.5], [0.3, 0.4]])
    stated = {**problem("2*z[0] - z[1] + z[0]*z[1]*0", sigma.tolist()), "drift": "0"}
    x = np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]])
    truth = x.sum(1) + sigma.sum(0) @ np.array([2.0, -1.0])
    for surrogate in (ZERO, {"expression": "sum(x)*(1.3 - 0.2*t) + 0.1*x[0]**2"}):
        state, statistics = simulated(resolved(spec_of(stated, surrogate, x)), 4_000)
        assert_holds(state, statistics, truth)


def test_a_quadratic_hamiltonian_under_a_matrix() -> None:
    """F = norm2(z)/2 and g = <a, x>: u = <a, x> + tau |sigma^T a|^2/2."""
    sigma = np.array([[0.6, 0.1], [0.0, -0.5], [0.3, 0.4]])
    stated = {**problem("norm2(z)/2", sigma.tolist()), "drift": "0", "terminal": "x[0] + 2*x[1] - x[2]"}
    x = np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]])
    slope = np.array([1.0, 2.0, -1.0])
    truth = x @ slope + np.square(sigma.T @ slope).sum() / 2
    for surrogate in (ZERO, {"expression": "0.8*x[0] + 1.9*x[1] - x[2] + 0.3*(1 - t)"}):
        state, statistics = simulated(resolved(spec_of(stated, surrogate, x)), 4_000)
        assert_holds(state, statistics, truth)
        assert np.abs(state["remainder"].mean).min() > 1e-3
