from __future__ import annotations

import pytest
import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.core.keys import Key
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.fields import ExpressionField, Jet, ZeroField
from burnish_workers.tensors.generators import torch_generator

# torch's own forward mode, used here as the oracle, warns when it first loads.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
VARIABLES = {"t": "scalar", "x": "vector"}
FORMULAS = [
    "sigmoid(t + sum(x))",
    "log((1 + norm2(x)) / 2) * cos(2*t)",
    "exp(-t) * sin(x[0] * x[2]) + x[1]**3 * t",
    "1.6 + mean(x * sin(x)) + min(1, t**2)",
    "3",
    "t**2",
    "x[1] - 2*x[0]",
    "min(max(x) - 0.2, t) + max(t, x[1], 0.5)*where(x[0] < 0.3, sum(x), norm2(x))",
    "2**-t*sqrt(abs(x[0])) + tanh(t)*dot(x, sin(x))/mean(x*x)",
    "sum(x/norm2(x)) + sum(exp(-abs(x))) + (1 + t)**x[1] + norm2(x)**t",
    "sum(where(x < 0.3, x**2, x**3)) - min(x)",
    "log(1 + 1/norm2(x - t)) + 2*sum(x**2 + 1)**0.5",
]


def field(text: str, dim: int) -> ExpressionField:
    return ExpressionField(Expression.parse(text, VARIABLES), dim)


def points(dim: int, batch: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch_generator(Key(3))
    t = torch.rand(batch, generator=generator, dtype=torch.float64)
    x = torch.randn(batch, dim, generator=generator, dtype=torch.float64) + 0.3
    return t, x, torch.randn(batch, dim, generator=generator, dtype=torch.float64)


def diffusions(x: Tensor) -> dict[str, Diffusion]:
    batch, dim = x.shape
    generator = torch_generator(Key(4))
    return {
        "scalar": Diffusion(torch.tensor(0.7, dtype=x.dtype), "scalar"),
        "scalar per sample": Diffusion(torch.linspace(0.1, 2, batch, dtype=x.dtype), "scalar"),
        "diagonal": Diffusion(torch.linspace(-1, 2, dim, dtype=x.dtype), "diagonal"),
        "diagonal depending on x": Diffusion(0.2 * x, "diagonal"),
        "matrix": Diffusion(torch.randn(dim, 3, generator=generator, dtype=x.dtype), "matrix"),
    }


FORMS = list(diffusions(torch.zeros(2, 2)))


def sigma(diffusion: Diffusion, sample: int, dim: int) -> Tensor:
    """sigma of one sample as a dense matrix."""
    tensor = diffusion.tensor
    if diffusion.form == "matrix":
        return tensor
    own = tensor[sample] if diffusion.per_sample else tensor
    return torch.diag(own.expand(dim)) if diffusion.form == "scalar" else torch.diag(own)


def oracle(u, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
    """The jet of u(t, x), one sample at a time, by dense nested Jacobians."""
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for sample in range(len(t)):

        def single(time: Tensor, place: Tensor) -> Tensor:
            return u(time[None], place[None])[0]

        s = sigma(diffusion, sample, x.shape[1])
        by_t, by_x = (torch.func.jacrev(single, argnums=k)(t[sample], x[sample]) for k in (0, 1))
        hessian = torch.func.jacfwd(torch.func.jacrev(single, argnums=1), argnums=1)(t[sample], x[sample])
        generated = by_t + drift[sample] @ by_x + 0.5 * torch.trace(s @ s.T @ hessian)
        parts.append((single(t[sample], x[sample]), s.T @ by_x, generated))
    return Jet(*(torch.stack(column) for column in zip(*parts, strict=True)))


def assert_close(jet: Jet, wanted: Jet, tolerance: float = 1e-10) -> None:
    for part, other in zip(jet, wanted, strict=True):
        assert part.shape == other.shape
        torch.testing.assert_close(part, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", FORMS)
def test_diffusion_is_the_map_it_says_it_is(form: str) -> None:
    _, x, grad = points(4)
    diffusion = diffusions(x)[form]
    noise = torch.randn(5, diffusion.noise_dim(4), generator=torch_generator(Key(9)), dtype=x.dtype)
    columns = diffusion.columns(4).expand(-1, -1, 5)
    for sample in range(5):
        s = sigma(diffusion, sample, 4)
        torch.testing.assert_close(diffusion.apply(noise)[sample], s @ noise[sample])
        torch.testing.assert_close(diffusion.transpose(grad)[sample], s.T @ grad[sample])
        torch.testing.assert_close(columns[:, :, sample], s)
        torch.testing.assert_close(diffusion.rows(sample, 5).apply(noise[sample:])[0], s @ noise[sample])


def test_diffusion_of_a_wrong_rank() -> None:
    with pytest.raises(ValueError, match=r"a matrix diffusion needs a tensor of rank 2, got shape \(3,\)"):
        Diffusion(torch.ones(3), "matrix")
    with pytest.raises(ValueError, match="known: scalar, diagonal, matrix"):
        Diffusion(torch.ones(3), "full")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", FORMULAS)
def test_expression_fields_agree_with_nested_jacobians(text: str, form: str) -> None:
    t, x, drift = points(4)
    u = field(text, 4)
    wanted = oracle(u.value, t, x, drift, diffusions(x)[form])
    with torch.no_grad():
        jet = u.jet(t, x, drift, diffusions(x)[form])
    assert not any(part.requires_grad for part in jet)
    assert_close(jet, wanted)


@pytest.mark.parametrize("text", FORMULAS)
def test_expression_fields_can_be_differentiated_again(text: str) -> None:
    t, x, drift = points(4)
    u = field(text, 4)
    x.requires_grad_()
    weights = torch.randn(3, 5, generator=torch_generator(Key(1)), dtype=x.dtype)

    def score(jet: Jet) -> Tensor:
        return sum(((part if part.ndim == 1 else part.sum(1)) @ w for part, w in zip(jet, weights, strict=True)))

    mine = torch.autograd.grad(score(u.jet(t, x, drift, Diffusion(0.2 * x, "diagonal"))), x)[0]
    wanted = torch.func.grad(lambda x: score(oracle(u.value, t, x, drift, Diffusion(0.2 * x, "diagonal"))))(x.detach())
    torch.testing.assert_close(mine, wanted, rtol=1e-10, atol=1e-10)
    for part in (u.value(t, x), *u.jet(t, x, drift, Diffusion(torch.tensor(1.0).to(x), "scalar"))):
        torch.autograd.grad(part.sum(), x, retain_graph=True)


def test_the_zero_field_is_zero_and_differentiable() -> None:
    t, x, drift = points(4)
    x.requires_grad_()
    jet = ZeroField(4).jet(t, x, drift, diffusions(x.detach())["matrix"])
    assert [tuple(part.shape) for part in jet] == [(5,), (5, 3), (5,)]
    for part in jet:
        assert not part.any()
        assert not torch.autograd.grad(part.sum(), x, retain_graph=True)[0].any()


def test_a_field_is_a_scalar_formula_in_t_and_x() -> None:
    with pytest.raises(ValueError, match="is a vector in x"):
        field("2*x", 3)
    with pytest.raises(ValueError, match="is a scalar in t, u"):
        ExpressionField(Expression.parse("u + t", {"t": "scalar", "u": "scalar"}), 3)


TORCH_TEXTS = [
    "u - u**3",
    "min(1, (u - 0.5)**2) + max(2, 3)",
    "where(u < 0.3, x[0], norm2(z))",
    "where(x < u, 0, z)",
    "where(1 < 2, u, t)",
    "where(u < 0.3, 0.1, 0.7)*t",
    "where(x < 0.3, 0.1, 0.7)",
    "max(max(x) - 0.2, 0) + min(z)",
    "max(u, x, 0.5)",
    "2**-t * sqrt(abs(u)) + tanh(u)*cos(t)*sin(t)",
    "dot(x, z)/mean(x*x) + sum(exp(-abs(x)))",
    "log(u) + sigmoid(-40*u)",
    "u/x + t",
    "0.5",
    "0.5 + i/4",
    "i*x + t",
    "where(i < 3, x, u)",
    "dot(0.5 + i/4, x**2) + sum(x)**2/4",
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("text", TORCH_TEXTS)
def test_torch_and_numpy_read_the_same_tree_alike(text: str, dtype: torch.dtype) -> None:
    kinds = {"t": "scalar", "u": "scalar", "x": "vector", "z": "vector"}
    expression = Expression.parse(text, kinds, sizes={"x": 4, "z": 4}, constants={"i": (1, 2, 3, 4)})
    t, x, z = points(4)
    env = {"t": t.to(dtype), "u": x[:, 0].to(dtype), "x": x.to(dtype), "z": z.to(dtype)}
    values = lower(expression)(env)
    wanted = expression.evaluate({name: tensor.numpy() for name, tensor in env.items()})
    assert values.dtype == dtype
    assert tuple(values.shape) == wanted.shape
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(values, torch.from_numpy(wanted), rtol=tolerance, atol=tolerance, equal_nan=True)
