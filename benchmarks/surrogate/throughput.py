"""Exact jets (value, gradient, generator) of the shipped 5x50 PINN per CPU-second, one thread.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/throughput.py

Median of five runs by `time.process_time`, for each form of diffusion and several batch sizes, beside the value
alone and beside torch.func's nested Jacobians as a stranger would write them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import resources

import torch
from torch import Tensor

from burnish_workers.tensors.cards import load_card
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.mlp import MLPField

POINTS, REPEATS = 32_768, 5
BATCHES = (128, 256, 1024, 4096)


def rate(call: Callable[[], object], batch: int, points: int = POINTS) -> float:
    """Points per CPU-second, median of REPEATS after one warm-up."""
    call()
    measured: list[float] = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(points // batch):
            call()
        measured.append(points / (time.process_time() - start))
    return statistics.median(measured)


def nested(field: MLPField, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, gradient and Laplacian per sample by nested reverse differentiation."""

    def single(x: Tensor, t: Tensor) -> Tensor:
        return field.value(t[None], x[None])[0]

    gradient, hessian = torch.func.grad(single), torch.func.jacrev(torch.func.grad(single))
    curved = torch.func.vmap(lambda x, t: hessian(x, t).trace())(x, t)
    return field.value(t, x), torch.func.vmap(gradient)(x, t), curved


@torch.no_grad()
def main() -> None:
    """Print one row per batch size."""
    torch.set_num_threads(1)
    resolve_device("cpu")
    models = resources.files("burnish_workers.kinds.surrogate") / "models"
    with resources.as_file(models / "viscous-burgers-pinn-d20.json") as path:
        field = load_card(path)
    dim = field.dim
    print(numeric_class())
    print(f"{'batch':>6} {'value':>9} {'scalar':>9} {'diagonal':>9} {'per point':>9} {'matrix':>9} {'nested':>9}")
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        x = torch.rand(batch, dim, generator=generator) - 0.5
        t = torch.rand(batch, generator=generator) / 2
        drift = torch.full_like(x, -0.08)
        forms = [
            Diffusion(torch.tensor(0.25), "scalar"),
            Diffusion(torch.full((dim,), 0.25), "diagonal"),
            Diffusion(0.2 * x, "diagonal"),
            Diffusion(torch.rand(dim, dim, generator=generator), "matrix"),
        ]
        rates = [rate(lambda t=t, x=x: field.value(t, x), batch)]
        rates += [rate(lambda t=t, x=x, m=drift, s=form: field.jet(t, x, m, s), batch) for form in forms]
        rates += [rate(lambda t=t, x=x: nested(field, t, x), batch, 4096)]
        print(f"{batch:6d} " + " ".join(f"{value:9,.0f}" for value in rates), flush=True)


if __name__ == "__main__":
    main()
