"""Training surrogates: three optimisers reach a stated loss, stop and go on with equal bits, from any scale of x."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from burnish.wire.specs.fit import Fit
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.core.model_file import inspect_model
from burnish_workers.kinds.surrogate.fitting import State, Trainer, fit
from burnish_workers.kinds.surrogate.fitting_loss import StepLoss
from burnish_workers.kinds.surrogate.fitting_network import Scaling, initial
from burnish_workers.kinds.surrogate.fitting_optimisers import LevenbergMarquardt, flat, one_cycle
from burnish_workers.kinds.surrogate.problem import Points, Problem, points_of, problem_of
from burnish_workers.tensors.cards import card_bytes, load_card, save_card
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.graph import load_model

KEY = Key(3)
BURGERS = {"name": "viscous-burgers", "dim": 4}
BLACK_SCHOLES = {
    "dim": 5,
    "horizon": 1.0,
    "drift": "0.02*x",
    "diffusion": "0.2*x",
    "nonlinearity": "-0.02*u",
    "terminal": "sum(max(x - 100, 0))/d",
}


def posed(problem: dict[str, Any], x: float = 0.0) -> tuple[Problem, Points]:
    body = {"kind": "surrogate", "problem": problem, "points": [{"x": x}], "budget": {"units": 1}}
    spec = SurrogateSpec.model_validate(body)
    parsed = problem_of(spec)
    return parsed, points_of(spec, parsed.dim, parsed.horizon, NOTHING)


def burgers_error(trainer: Trainer, state: State) -> float:
    """Relative L2 error in the box of viscous Burgers."""
    generator = torch.Generator().manual_seed(5)
    t = torch.rand(4_000, generator=generator) / 2
    x = torch.rand(4_000, 4, generator=generator) - 0.5
    truth = torch.sigmoid(t + x.sum(1))
    return float((trainer.field(state).value(t, x) - truth).norm() / truth.norm())


@pytest.mark.parametrize(
    ("optimiser", "steps", "reached"), [("adam", 300, 0.03), ("steepest", 300, 0.01), ("levenberg-marquardt", 20, 3e-4)]
)
def test_each_optimiser_reaches_its_error(optimiser: Any, steps: int, reached: float) -> None:
    # Measured: 0.0096, 0.0020 and 3.5e-5 from networks that are off by 0.29 and 0.32; the bounds leave room for seeds.
    problem, points = posed(BURGERS)
    options = Fit(optimiser=optimiser, box=[-0.5, 0.5], steps=steps)
    told = list(fit(problem, points, options, KEY, every=steps // 4))
    trainer = Trainer.of(problem, points, options)
    assert burgers_error(trainer, trainer.begin(KEY)) > 0.1
    assert burgers_error(trainer, told[-1].state) < reached
    assert told[-1].loss < told[0].loss / 10
    assert [p.done for p in told] == [steps // 4 * i for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("optimiser", ["adam", "steepest", "levenberg-marquardt"])
def test_slices_of_any_size_give_equal_bits(optimiser: Any) -> None:
    problem, points = posed(BURGERS)
    trainer = Trainer.of(problem, points, Fit(optimiser=optimiser, batch=16, width=8, depth=2))
    whole, _ = trainer.advance(trainer.begin(KEY), KEY, 0, 6, 6)
    state = trainer.begin(KEY)
    for start, count in ((0, 1), (1, 3), (4, 2)):
        state, _ = trainer.advance(state, KEY, start, count, 6)
    assert {name: array.tobytes() for name, array in state.items()} == {n: a.tobytes() for n, a in whole.items()}
    other, _ = trainer.advance(trainer.begin(KEY), Key(4), 0, 6, 6)
    assert any(not np.array_equal(other[name], whole[name]) for name in whole)


@pytest.mark.parametrize("sampling", ["path", "box"])
def test_places_far_from_the_origin(sampling: Any) -> None:
    # x ~ 100 as in option pricing: the closed form of the call, 8.916 at x = 100 (found: 8.980 and 8.909).
    problem, points = posed(BLACK_SCHOLES, 100.0)
    box = [60.0, 160.0] if sampling == "box" else None
    options = Fit(optimiser="levenberg-marquardt", steps=40, sampling=sampling, box=box)
    last = list(fit(problem, points, options, KEY, every=40))[-1]
    value = float(
        Trainer.of(problem, points, options).field(last.state).value(torch.zeros(1), torch.full((1, 5), 100.0))
    )
    normal = lambda a: 0.5 * (1 + math.erf(a / math.sqrt(2)))  # noqa: E731
    price = 100 * normal(0.2) - 100 * math.exp(-0.02) * normal(0.0)
    assert value == pytest.approx(price, rel=0.02)


def test_residual_places_follow_the_path_law() -> None:
    # Geometric Brownian motion from 100: E X_T = 100 e^{0.02}, and X at a uniform time has E = 100 (e^{0.02} - 1)/0.02.
    problem, points = posed(BLACK_SCHOLES, 100.0)
    trainer = Trainer.of(problem, points, Fit())
    places = trainer._places(40_000, torch_generator(KEY))  # pyright: ignore[reportPrivateUsage]
    for found, mean in ((places.end, 100 * math.exp(0.02)), (places.x, 100 * math.expm1(0.02) / 0.02)):
        error = float(found.std()) / math.sqrt(found.numel())
        assert float(found.mean()) == pytest.approx(mean, abs=5 * error)
    spread = 100 * math.exp(0.02) * math.sqrt(math.expm1(0.04))
    assert float(places.end[10_000:].std()) == pytest.approx(spread, rel=0.02)
    # A quarter of the paths is wide, so that the network is right where few paths go.
    assert float(places.end[:10_000].std()) > 1.9 * spread
    assert bool((places.t >= 0).all() and (places.t < 1).all() and (places.span == 1).all())


def test_the_gradients_of_single_misfits_are_those_of_their_sum() -> None:
    problem, points = posed(BURGERS)
    trainer = Trainer.of(problem, points, Fit(width=6, depth=2))
    generator = torch_generator(KEY)
    places = trainer._places(32, generator)  # pyright: ignore[reportPrivateUsage]
    scaling = Scaling.of(trainer.equation, places)
    loss = StepLoss(trainer.equation, scaling, 2.0, lambda: places)
    leaves = {name: p.requires_grad_() for name, p in initial(4, 6, 2, generator).items()}
    (total := loss.loss(leaves)).backward()
    terms, rows = loss.each({name: p.detach() for name, p in leaves.items()})
    gradients = {name: p.grad for name, p in leaves.items() if p.grad is not None}
    assert float(terms.square().sum()) == pytest.approx(float(total.detach()), rel=1e-5)
    torch.testing.assert_close(2 * rows.T @ terms, flat(gradients), rtol=1e-3, atol=1e-5)


class _Overfitted:
    """One misfit, x - 1, whose counterpart on other places is far from it: x + 1."""

    def loss(self, parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return (parameters["x"] - 1).square().sum()

    def judged(self, parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return (parameters["x"] + 1).square().sum()

    def each(self, parameters: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        return parameters["x"] - 1, torch.ones(1, 1)


def test_levenberg_marquardt_keeps_no_step_that_only_its_own_batch_likes() -> None:
    before = {"x": torch.zeros(1)}
    method = LevenbergMarquardt(1.0)
    after, memory = method.step(before, method.begin(before), _Overfitted(), 0, 1)
    assert float(after["x"]) == 0.0
    assert float(memory["damping"]) > float(method.begin(before)["damping"])


def test_one_cycle_is_that_of_torch() -> None:
    parameter = torch.zeros(1, requires_grad=True)
    adam = torch.optim.Adam([parameter], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 1.0, total_steps=50)
    for step in range(50):
        assert one_cycle(step, 50) == pytest.approx(cycle.get_last_lr()[0], rel=1e-9)
        adam.step()
        if step < 49:
            cycle.step()


def test_the_network_is_kept_as_a_card_that_can_be_uploaded(tmp_path: Path) -> None:
    problem, points = posed(BLACK_SCHOLES, 100.0)
    trainer = Trainer.of(problem, points, Fit(width=4, depth=1))
    field = trainer.field(trainer.begin(KEY))
    data = card_bytes(field, {"seed": 3})
    assert data == card_bytes(field, {"seed": 3})
    assert inspect_model(data).dim == 5
    save_card(field, tmp_path / "kept.json", {"seed": 3})
    t, x = torch.rand(7), 100 + torch.rand(7, 5)
    for again in (load_model(data, torch.device("cpu")), load_card(tmp_path / "kept.json")):
        assert torch.equal(again.value(t, x), field.value(t, x))


@pytest.mark.parametrize(
    ("dim", "optimiser"), [(1, "levenberg-marquardt"), (100, "levenberg-marquardt"), (200, "adam")]
)
def test_defaults_go_by_the_size_of_the_network(dim: int, optimiser: str) -> None:
    settled = Fit().settled(dim)
    assert settled.optimiser == optimiser
    assert settled.width is not None
    assert settled.depth is not None
    network = initial(dim, settled.width, settled.depth, torch.Generator().manual_seed(0))
    assert sum(p.numel() for p in network.values()) == settled.parameters(dim)
    assert settled.settled(dim) == settled
