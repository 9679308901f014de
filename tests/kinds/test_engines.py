"""Engines of the Laplacian: the exact ones agree, the random ones are unbiased, and a job says which it used."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from burnish_workers.core.expression import Expression
from burnish_workers.core.keys import Key
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.engines import AUTO_PROBES, ENGINES, EXACT_UP_TO, Derived, Probed, nested, with_engine
from burnish_workers.tensors.fields import ExpressionField, Field, ZeroField
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.mlp import MLPField

from .model_files import exported
from .surrogates import resolved, simulated, spec_of
from .test_mlp import network

DIM = 4


def expression(text: str, dim: int) -> ExpressionField:
    return ExpressionField(Expression.parse(text, {"t": "scalar", "x": "vector"}), dim)


def fields() -> dict[str, Field]:
    return {
        "card": network([DIM + 1, 6, 5, 1]),
        "expression": expression("exp(-t)*sin(x[0]*x[2]) + x[1]*x[3]*x[0] + log(1 + norm2(x))", DIM),
        "graph": load_model(exported("double"), torch.device("cpu")),
        "zero": ZeroField(DIM),
    }


def points(rows: int, dim: int = DIM) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch_generator(Key(5))
    t = torch.rand(rows, generator=generator, dtype=torch.float64)
    x = 0.6 * torch.randn(rows, dim, generator=generator, dtype=torch.float64) + 0.2
    return t, x, torch.randn(rows, dim, generator=generator, dtype=torch.float64)


def diffusions(x: Tensor) -> dict[str, Diffusion]:
    return {
        "scalar per sample": Diffusion(0.3 + x[:, 0] ** 2, "scalar"),
        "diagonal depending on x": Diffusion(0.2 * x + 0.3, "diagonal"),
        "matrix": Diffusion(torch.linspace(-1, 2, 3 * x.shape[1], dtype=x.dtype).sin().reshape(-1, 3), "matrix"),
    }


@pytest.mark.parametrize("form", list(diffusions(torch.zeros(2, 2))))
@pytest.mark.parametrize("name", list(fields()))
def test_exact_engines_agree_and_so_do_their_gradients(name: str, form: str) -> None:
    t, x, drift = points(9)
    field = fields()[name]
    found: list[tuple[Tensor, ...]] = []
    for engine in ("forward", "nested"):
        leaf = x.clone().requires_grad_()
        jet = with_engine(field, engine, DIM).jet(t, leaf, drift, diffusions(leaf)[form], None)
        scores = [(part if part.ndim == 1 else part.sum(1)) @ torch.linspace(-1, 2, 9).double() for part in jet]
        slopes = [torch.autograd.grad(score, leaf, retain_graph=True)[0] for score in scores]
        found.append((*(part.detach() for part in jet), *slopes))
    for mine, other in zip(*found, strict=True):
        assert mine.shape == other.shape
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", list(diffusions(torch.zeros(2, 2))))
@pytest.mark.parametrize("engine", ["hutchinson", "coordinates"])
def test_probes_are_unbiased_and_u_and_z_exact(engine: str, form: str) -> None:
    copies = 40_000
    one = points(1)
    field = fields()["expression"]
    t, x, drift = (part.expand(copies, *part.shape[1:]) for part in one)
    wanted = field.jet(*one, diffusions(one[1])[form], None)
    probed = with_engine(field, engine, DIM)
    with torch.no_grad():
        jet = probed.jet(t, x, drift, diffusions(x)[form], torch_generator(Key(8)))
    torch.testing.assert_close(jet.u[:1], wanted.u)
    torch.testing.assert_close(jet.z[-1:], wanted.z)
    error = float(jet.generated.std()) / math.sqrt(copies)
    assert 0 < error < 0.05
    assert abs(float(jet.generated.mean() - wanted.generated)) < 4.4 * error  # two-sided tail 1e-5
    first = jet.generated[: copies // 2] - jet.generated.mean()
    together = float((first * (jet.generated[copies // 2 :] - jet.generated.mean())).mean() / jet.generated.var())
    assert abs(together) < 4.4 / math.sqrt(copies / 2)  # fresh for each sample


def test_more_probes_have_less_variance() -> None:
    t, x, drift = (part.expand(40_000, *part.shape[1:]) for part in points(1))
    sigma = Diffusion(torch.tensor(0.7).double(), "scalar")
    field = fields()["expression"]

    def spread(kind: Any, probes: int) -> float:
        with torch.no_grad():
            jet = Derived(field, Probed(kind, probes)).jet(t, x, drift, sigma, torch_generator(Key(3)))
        return float(jet.generated.std())

    assert spread("hutchinson", 4) == pytest.approx(spread("hutchinson", 1) / 2, rel=0.05)
    assert spread("coordinates", DIM) < 1e-12  # all coordinates: nothing left to chance
    assert 0 < spread("coordinates", 2) < spread("coordinates", 1) / math.sqrt(2)  # without replacement


def test_probed_jets_can_be_differentiated_again() -> None:
    """The same probes, differences of the generator against its gradient."""
    t, x, drift = points(3)
    field = Derived(fields()["graph"], Probed("hutchinson", 2))
    sigma = Diffusion(torch.tensor(0.7).double(), "scalar")

    def total(x: Tensor) -> Tensor:
        jet = field.jet(t, x, drift, sigma, torch_generator(Key(1)))
        return jet.generated.sum() + jet.u.sum() + jet.z.sum()

    assert torch.autograd.gradcheck(total, x.clone().requires_grad_(), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["card", "graph"])
def test_gradients_of_many_samples_keep_one_chunk_at_a_time(name: str) -> None:
    """What autograd holds does not grow with what an operation makes; the gradient is that of each sample alone."""
    rows = 2_000 if name == "card" else 5_000
    field: Field = network([DIM + 1, 400, 400, 1]) if name == "card" else fields()["graph"]
    t, x, drift = points(rows)
    sigma = Diffusion(torch.tensor(0.7).double(), "scalar")
    held = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal held
        held += tensor.numel()
        return tensor

    def slope(rows: int) -> Tensor:
        leaf = x[:rows].clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            jet = field.jet(t[:rows], leaf, drift[:rows], sigma, None)
        return torch.autograd.grad(jet.generated.sum() + jet.z.sum(), leaf)[0]

    alone, few = slope(20), held
    held = 0
    together = slope(rows)
    torch.testing.assert_close(together[:20], alone, rtol=1e-9, atol=1e-9)
    assert held < 20 * few


def test_the_choice() -> None:
    field = fields()["card"]
    assert with_engine(field, "forward", DIM) is field
    assert with_engine(field, "auto", EXACT_UP_TO) is field
    many = with_engine(field, "auto", EXACT_UP_TO + 1)
    assert many == Derived(field, Probed("hutchinson", AUTO_PROBES))
    sparse = expression("log(1 + norm2(x)) + sum(sin(x))*t", 1_000)
    assert with_engine(sparse, "auto", 1_000) is sparse
    dense = expression("sum(x/norm2(x))", 1_000)
    assert isinstance(with_engine(dense, "auto", 1_000), Derived)
    assert with_engine(field, "nested", DIM) == Derived(field, nested)
    assert isinstance(field, MLPField)
    with pytest.raises(ValueError, match=r"hutchinson"):
        with_engine(field, "hutchinsen", DIM)
    t, x, drift = points(3)
    with pytest.raises(ValueError, match="hutchinson probes are random: give a generator"):
        with_engine(field, "hutchinson", DIM).jet(t, x, drift, diffusions(x)["matrix"], None)  # pyright: ignore


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_with_each_engine(engine: str) -> None:
    """Exact ones give the same answer, random ones one that is within its error of it."""
    problem = {"dim": 3, "horizon": 0.5, "diffusion": "1", "nonlinearity": "x[0]*sin(t)", "terminal": "norm2(x)"}
    surrogate = {"expression": "norm2(x) + sin(x[0]*x[1]) + 3*(0.5 - t)"}
    spec = spec_of(problem, surrogate, [[0.3, -0.2, 0.1]], laplacian=engine)
    assert spec.laplacian == engine
    answers = []
    for each in (spec, spec.model_copy(update={"laplacian": "forward"})):
        state, statistics = simulated(resolved(each), 2_000)
        answers.append(statistics.answer(state).combined)
    exact = engine in ("auto", "forward", "nested")
    error = 1e-6 if exact else 4.9 * float(answers[0].standard_error[0] + answers[1].standard_error[0])
    assert abs(float(answers[0].value[0] - answers[1].value[0])) < error
    if not exact:
        assert answers[0].standard_error[0] > answers[1].standard_error[0]
