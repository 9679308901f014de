"""Residual evaluations of a 5x50 tanh PINN per CPU-second, one thread, by engine; and what probes cost in variance.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/throughput.py [--tiny]

First table: jets (value, sigma^T grad u, generator) in d = 20 and 100, through an architecture card and through a .pt2
file, with each engine; the median of rounds in which the engines take turns, so that a busy machine slows all alike.
Second table: CPU-seconds x variance of a job's answer, with probes as a multiple of what exact second derivatives take.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib import resources
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

import burnish
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import registry
from burnish_workers.engine.resolve import provisional
from burnish_workers.tensors.cards import load_card
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.engines import with_engine
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.mlp import MLPField

ROUNDS = 7


def cpu_seconds(call: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def card(dim: int) -> MLPField:
    """The shipped network in d = 20, one with random weights elsewhere."""
    models = resources.files("burnish_workers.kinds.surrogate") / "models"
    if dim == 20:
        with resources.as_file(models / "viscous-burgers-pinn-d20.json") as path:
            return load_card(path)
    generator = torch.Generator().manual_seed(0)
    sizes = list(pairwise([dim + 1, *[50] * 5, 1]))
    weights = tuple(torch.randn(m, n, generator=generator) / n**0.5 for n, m in sizes)
    return MLPField(weights, tuple(torch.zeros(m) for _, m in sizes))


def as_module(field: MLPField) -> nn.Module:
    """The same network as a user would have it."""
    layers: list[nn.Module] = []
    for weight, bias in zip(field.weights, field.biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def by_hand(field: MLPField, t: Tensor, x: Tensor) -> Tensor:
    """The Laplacian per sample by torch.func, as a stranger would write it."""

    def single(x: Tensor, t: Tensor) -> Tensor:
        return field.value(t[None], x[None])[0]

    hessian = torch.func.jacrev(torch.func.grad(single))
    return torch.func.vmap(lambda x, t: hessian(x, t).trace())(x, t)


@torch.no_grad()
def throughput(dim: int, rows: int) -> None:
    """One line per engine."""
    network = card(dim)
    inputs = "xt" if network.order == "x then t" else "tx"
    with torch.enable_grad():
        uploaded = load_model(burnish.export(as_module(network), dim, inputs=inputs).data, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    x, t = torch.rand(rows, dim, generator=generator) - 0.5, torch.rand(rows, generator=generator) / 2
    drift, sigma = torch.full_like(x, -0.08), Diffusion(torch.tensor(0.25), "scalar")
    calls: dict[str, tuple[int, Callable[[int], object]]] = {}
    for source, field in (("card", network), (".pt2", uploaded)):
        for engine in ("forward", "nested", "hutchinson", "coordinates"):
            chosen = with_engine(field, engine, dim)
            share = 16 if engine == "nested" else 1
            calls[f"{engine}, {source}"] = (
                rows // share,
                lambda n, f=chosen: f.jet(t[:n], x[:n], drift[:n], sigma, generator),
            )
    calls["value alone, card"] = (rows, lambda n: network.value(t[:n], x[:n]))
    calls["value alone, .pt2"] = (rows, lambda n: uploaded.value(t[:n], x[:n]))
    calls["torch.func by hand"] = (rows // 16, lambda n: by_hand(network, t[:n], x[:n]))
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, (n, call) in calls.items():
            seconds = cpu_seconds(lambda n=n, call=call: call(n))
            if turn:
                measured[name].append(n / seconds)
    first = statistics.median(measured["forward, .pt2"])
    for name, values in measured.items():
        rate = statistics.median(values)
        print(f"d = {dim:4}  {name:22} {rate:12,.0f} per CPU-second   {rate / first:6.2f} of forward, .pt2", flush=True)


PROBLEMS: dict[str, dict[str, Any]] = {
    "viscous-burgers d = 20, PINN": {
        "problem": {"name": "viscous-burgers"},
        "surrogate": {"name": "viscous-burgers-pinn-d20"},
    },
    "viscous-burgers d = 20, PINN 5 % off": {
        "problem": {"name": "viscous-burgers"},
        "surrogate": {"name": "viscous-burgers-pinn-d20-early"},
    },
    **{
        f"hjb-log d = {dim}, expression 10 % off": {
            "problem": {"name": "hjb-log", "dim": dim},
            "surrogate": {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
        }
        for dim in (20, 100, 500)
    },
    "allen-cahn d = 100, expression 8 % off": {
        "problem": {"name": "allen-cahn"},
        "surrogate": {"expression": "1.08/(2 + 0.4*(norm2(x) + 2*d*(0.3 - t)))"},
    },
}


def work(spec: dict[str, Any], engine: str, replicates: int) -> tuple[float, float]:
    """CPU-seconds and variance of a block of path replicates at one point."""
    kind = registry().get("surrogate")
    body = {"kind": "surrogate", "points": [{"x": 0.1}], "budget": {"units": 1}, "seed": 7, "laplacian": engine}
    posted = kind.spec.model_validate({**body, **spec})
    resolution = provisional(kind.draft(posted, numeric_class(), NOTHING), numeric_class())
    resolved = posted.model_copy(update={"resolution": resolution})
    simulator: Any = kind.load()(resolved, "cpu", NOTHING)
    dim = simulator.points.x.shape[1]
    t, x = torch.zeros(replicates), torch.full((replicates, dim), 0.1)
    path, generator = simulator.samplers["path"], torch_generator(block_key(7, 0, 0))
    path(t[:16], x[:16], generator)
    found: list[Tensor] = []
    seconds = cpu_seconds(lambda: found.append(path(t, x, generator)))
    return seconds, float(found[0].double().var())


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="sizes of a few seconds")
    tiny = parser.parse_args().tiny
    torch.set_num_threads(1)
    resolve_device("cpu")
    print(numeric_class())
    throughput(20, 512 if tiny else 16_384)
    throughput(100, 512 if tiny else 4_096)
    print("\nCPU-seconds x variance, as a multiple of that of `forward`: cost ratio x variance ratio")
    for name, spec in PROBLEMS.items():
        exact = work(spec, "forward", 128 if tiny else 1_024)
        for engine in ("hutchinson", "coordinates"):
            cost, variance = (a / b for a, b in zip(work(spec, engine, 128 if tiny else 1_024), exact, strict=True))
            print(f"{name:42} {engine:12} {cost:6.2f} x {variance:10.1f} = {cost * variance:10.1f}", flush=True)


if __name__ == "__main__":
    main()
