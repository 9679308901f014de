"""Trains the shipped surrogates: PINNs for viscous Burgers in d = 20.

    python -m burnish_workers.kinds.surrogate.train --out DIR --minutes 3 --sampling box
    python -m burnish_workers.kinds.surrogate.train --out DIR --minutes .05 --name viscous-burgers-pinn-d20-early

The first is what people train: residuals in the box where the points of interest lie. The second stops after five
seconds, so that there is a surrogate with an error of several per cent. `--sampling path` draws the residual points
where the correction's paths go; on this equation, whose solution depends on sum x only, it reaches 2.4e-4 in four
minutes, and would leave the correction little to show.

The equation (catalogue entry `viscous-burgers`), with s = 0.25, T = 0.5, z = s grad u:
    d_t u - (1/d + s^2/2) sum_i d_i u + s^2/2 Laplace u + s u sum_i z_i = 0,     u(T, x) = sigmoid(T + sum x)
The loss uses well-posed data only: the equation's residual and the terminal condition, both in the box or at points
of the diffusion's own paths started at x ~ U[-1/2, 1/2]^d, t ~ U[0, T); those lead far outside the box. The exact
solution sigmoid(t + sum x) measures the error, it never enters the loss.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from burnish_workers.tensors.cards import save_card
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.mlp import MLPField

DIM, HORIZON, SIGMA = 20, 0.5, 0.25
DRIFT = -(1 / DIM + SIGMA**2 / 2)
WIDTHS = [DIM + 1, 50, 50, 50, 50, 50, 1]
BATCH = 256
PEAK_RATE = 4e-3
# Minutes are turned into steps, so that seed and minutes determine the result; one core does rather more than this.
STEPS_PER_MINUTE = 4_000
HELD_OUT = 10_000
NAME = "viscous-burgers-pinn-d20"
_log = logging.getLogger(__name__)


def exact(t: Tensor, x: Tensor) -> Tensor:
    """The solution, for measuring only."""
    return torch.sigmoid(t + x.sum(-1))


def terminal(x: Tensor) -> Tensor:
    """g(x) = sigmoid(T + sum x)."""
    return torch.sigmoid(HORIZON + x.sum(-1))


def starts(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """t ~ U[0, T) and x ~ U[-1/2, 1/2]^d."""
    t = torch.rand(count, generator=generator) * HORIZON
    return t, torch.rand(count, DIM, generator=generator) - 0.5


def travel(x: Tensor, elapsed: Tensor, generator: torch.Generator) -> Tensor:
    """The path started in x after `elapsed`: x + mu e + s sqrt(e) N, exact because the coefficients are constant."""
    noise = torch.randn(x.shape, generator=generator)
    return x + DRIFT * elapsed[:, None] + SIGMA * elapsed.sqrt()[:, None] * noise


def residual(field: MLPField, t: Tensor, x: Tensor) -> Tensor:
    """d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u) + s u sum z, zero for a solution."""
    jet = field.jet(t, x, torch.full_like(x, DRIFT), Diffusion(torch.tensor(SIGMA), "scalar"))
    return jet.generated + SIGMA * jet.u * jet.z.sum(-1)


def loss(field: MLPField, generator: torch.Generator, sampling: str) -> Tensor:
    """Mean squared residual plus mean squared terminal mismatch, in the box or along the paths and at their ends."""
    t, x = starts(BATCH, generator)
    along = sampling == "path"
    elapsed = (HORIZON - t) * torch.rand(BATCH, generator=generator) * along
    inside = residual(field, t + elapsed, travel(x, elapsed, generator) if along else x)
    t, x = starts(BATCH, generator)
    end = travel(x, HORIZON - t, generator) if along else x
    mismatch = field.value(torch.full_like(t, HORIZON), end) - terminal(end)
    return inside.square().mean() + mismatch.square().mean()


def initial(generator: torch.Generator) -> MLPField:
    """Glorot-normal weights, zero biases."""
    pairs = list(itertools.pairwise(WIDTHS))
    weights = [torch.randn(b, a, generator=generator) * math.sqrt(2 / (a + b)) for a, b in pairs]
    biases = [torch.zeros(b) for _, b in pairs]
    return MLPField(tuple(w.requires_grad_() for w in weights), tuple(b.requires_grad_() for b in biases))


def train(field: MLPField, steps: int, generator: torch.Generator, sampling: str) -> Iterator[tuple[int, float]]:
    """Adam under a one-cycle schedule, in place; yields (step, loss)."""
    adam = torch.optim.Adam([*field.weights, *field.biases])
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, PEAK_RATE, total_steps=steps)
    for step in range(steps):
        adam.zero_grad()
        value = loss(field, generator, sampling)
        value.backward()
        adam.step()
        cycle.step()
        yield step, value.item()


@torch.no_grad()
def relative_l2(field: MLPField, seed: int) -> float:
    """|u_hat - u|_2 / |u|_2 over HELD_OUT starting points."""
    t, x = starts(HELD_OUT, torch.Generator().manual_seed(seed))
    truth = exact(t, x)
    return ((field.value(t, x) - truth).norm() / truth.norm()).item()


def card(field: MLPField, seed: int, steps: int, sampling: str) -> dict[str, object]:
    """How the field was made and how far it is from the solution."""
    return {
        "problem": "viscous-burgers",
        "parameters": {"dim": DIM, "sigma": SIGMA, "horizon": HORIZON},
        "trained": "PINN: squared residual + squared terminal mismatch; Adam, one-cycle",
        "sampling": sampling,
        "seed": seed,
        "steps": steps,
        "batch": BATCH,
        "peak_rate": PEAK_RATE,
        "relative_l2": round(relative_l2(field, seed + 1), 6),
        "relative_l2_over": f"{HELD_OUT} points, t ~ U[0, T), x ~ U[-1/2, 1/2]^d, seed {seed + 1}",
    }


def main() -> None:
    """Train, report progress, write the card and the tensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the card and the tensors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=4.0, help=f"{STEPS_PER_MINUTE} steps each")
    parser.add_argument("--sampling", choices=("box", "path"), default="path", help="where residuals are taken")
    parser.add_argument("--name", default=NAME, help="file name of the card")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(arguments.seed)
    steps = max(10, round(arguments.minutes * STEPS_PER_MINUTE))
    field = initial(generator)
    for step, value in train(field, steps, generator, arguments.sampling):
        if step % 500 == 0 or step == steps - 1:
            error = relative_l2(field, arguments.seed + 1)
            _log.info("step %6d  loss %.3e  relative L2 error %.3e", step, value, error)
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_card(field, arguments.out / f"{arguments.name}.json", card(field, arguments.seed, steps, arguments.sampling))


if __name__ == "__main__":
    main()
