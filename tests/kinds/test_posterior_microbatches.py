"""Rows computed beside others have the bits that they have beside any others; so do their gradients."""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import burnish
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.core.registry import registry
from burnish_workers.core.rendezvous import Rendezvous
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.posterior import microbatches
from burnish_workers.kinds.posterior.denoisers import Denoiser
from burnish_workers.kinds.posterior.examples import EXAMPLES
from burnish_workers.kinds.posterior.microbatches import MicroBatches
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.registered import registered_priors
from burnish_workers.kinds.posterior.simulator import PosteriorSimulator, build
from burnish_workers.kinds.posterior.unet import load_unet
from burnish_workers.kinds.posterior.uploaded import GraphDenoiser
from burnish_workers.tensors.networks import load_network

from .posterior_models import noise_at, some

CPU = torch.device("cpu")
DIGITS = registered_priors()["digits"]
SIZES = (16, 24, 128)
"""The least in sight, one that no vector length divides well, and the one to be used."""


class Attentive(nn.Module):
    """Attention between four parts of a picture, with time and class: matrix products of several sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.mix, self.leave = nn.Linear(18, 40), nn.Linear(40, 120), nn.Linear(40, 16)
        self.classes, self.last = nn.Parameter(torch.randn(10, 40)), nn.Linear(64, 64)

    def forward(self, t: torch.Tensor, x: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        level = torch.stack([torch.sin(t / 100), torch.cos(t / 100)], 1)[:, None].expand(-1, 4, -1)
        h = self.enter(torch.cat([x.reshape(-1, 4, 16), level], 2))
        known = (label[:, None] == torch.arange(10)).to(x.dtype)
        h = torch.nn.functional.silu(h + (known @ self.classes)[:, None])
        q, k, v = self.mix(h).chunk(3, dim=-1)
        return self.last(self.leave(h + torch.softmax(q @ k.transpose(1, 2) / 7, -1) @ v).reshape(-1, 64))


@cache
def uploaded() -> bytes:
    torch.manual_seed(1)
    return burnish.export(Attentive(), 64, inputs="t,x,label", gives="sample").data


@cache
def denoiser(kind: str) -> Denoiser:
    if kind == "unet":
        return load_unet(DIGITS, CPU)
    return GraphDenoiser(load_network(uploaded(), CPU), (1, 8, 8), "v")


def batch(rows: int, seed: int) -> tuple[torch.Tensor, Noise, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    time = torch.randint(0, 1_000, (rows,), generator=generator)
    x, label = torch.randn(rows, 64, generator=generator), torch.randint(-1, 10, (rows,), generator=generator)
    return x, noise_at(DIGITS.schedule, time), label


def mixed(keep: torch.Tensor, first: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Rows `keep` of the first, all others of the other."""
    found = other.clone()
    found[keep] = first[keep]
    return found


@pytest.mark.parametrize("kind", ["unet", "graph"])
@pytest.mark.parametrize("size", SIZES)
def test_neighbours_do_not_change_bits(kind: str, size: int) -> None:
    """Rows are put in another order, then all but some are swapped for others, then left away."""
    micro, rows = MicroBatches(denoiser(kind), size), 2 * size + size // 3
    for seed in range(3):
        x, noise, label = batch(rows, seed)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(rows, generator=generator)
        keep = order[: rows // 2]
        with torch.no_grad():
            whole = micro(x, noise, label)
            assert torch.equal(micro(x[order], some(noise, order), label[order]), whole[order])
            others = batch(rows, seed + 100)
            level = Noise(*(mixed(keep, a, b) for a, b in zip(_parts(noise), _parts(others[1]), strict=True)))
            swapped = micro(mixed(keep, x, others[0]), level, mixed(keep, label, others[2]))
            assert torch.equal(swapped[keep], whole[keep])
            assert torch.equal(micro(x[keep], some(noise, keep), label[keep]), whole[keep])
            assert torch.equal(micro(x[:1], some(noise, slice(1)), label[:1]), whole[:1])


@pytest.mark.parametrize("kind", ["unet", "graph"])
def test_without_them_neighbours_do(kind: str) -> None:
    """Or the test above would prove nothing."""
    x, noise, label = batch(61, 0)
    with torch.no_grad():
        whole = denoiser(kind)(x, noise, label)
        sizes = range(1, 61)
        alone = [denoiser(kind)(x[:n], some(noise, slice(n)), label[:n]) for n in sizes]
    assert any(not torch.equal(part, whole[:n]) for n, part in zip(sizes, alone, strict=True))


@pytest.mark.parametrize("kind", ["unet", "graph"])
def test_gradients_row_by_row(kind: str) -> None:
    micro = MicroBatches(denoiser(kind), 16)
    x, noise, label = batch(37, 3)
    weights = torch.randn(37, 64, generator=torch.Generator().manual_seed(4))

    def gradient(of: Denoiser, rows: torch.Tensor) -> torch.Tensor:
        given = x[rows].requires_grad_()
        return torch.autograd.grad((of(given, some(noise, rows), label[rows]) * weights[rows]).sum(), given)[0]

    every, order = torch.arange(37), torch.randperm(37, generator=torch.Generator().manual_seed(5))
    whole = gradient(micro, every)
    assert torch.equal(gradient(micro, order), whole[order])
    assert torch.equal(gradient(micro, order[:5]), whole[order[:5]])
    scale = 1 + (noise.sigma / noise.alpha)[:, None]
    assert ((gradient(denoiser(kind), every) - whole).abs() / scale).max() < 1e-4


def test_values_are_those_of_the_denoiser() -> None:
    micro, plain = MicroBatches(denoiser("unet"), 16), denoiser("unet")
    x, noise, label = batch(50, 7)
    with torch.no_grad():
        scale = 1 + (noise.sigma / noise.alpha)[:, None]
        assert ((micro(x, noise, label) - plain(x, noise, label)).abs() / scale).max() < 1e-5
        assert micro(x[:0], some(noise, slice(0)), label[:0]).shape == (0, 64)
        none = micro(x, noise)
    assert torch.equal(none, micro(x, noise, torch.full((50,), -1)))
    assert (micro.shape, micro.dtype) == ((1, 8, 8), torch.float32)
    with pytest.raises(ValueError, match="at least one row, got 0"):
        MicroBatches(plain, 0)


def _parts(noise: Noise) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return noise.alpha, noise.sigma, noise.time


def test_jobs_of_one_network_share_forward_passes_and_keep_their_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs beside each other on a worker, at different steps: fewer calls of the network, the same statistics."""
    here = Rendezvous()
    monkeypatch.setattr(microbatches, "HERE", here)
    simulators = [_simulator(steps, sigma) for steps, sigma in ((6, 0.3), (9, 0.5))]
    alone = [simulator.advance({}, Key(3, (i,)), 0, 2)[1] for i, simulator in enumerate(simulators)]
    separate, here.calls = here.calls, 0
    found: list[Any] = [None, None]
    gate = threading.Barrier(2)

    def run(i: int) -> None:
        gate.wait()
        with here.turn(shares=simulators[i].shares):
            time.sleep(0.05)
            found[i] = simulators[i].advance({}, Key(3, (i,)), 0, 2)[1]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert here.calls < separate
    for together, by_itself in zip(found, alone, strict=True):
        assert all(np.array_equal(together[name], by_itself[name], equal_nan=True) for name in by_itself)


def _simulator(steps: int, sigma: float) -> PosteriorSimulator:
    kind = registry().get("posterior")
    chain = {"chain": {"steps": steps}, "particles": 8, "guidance": {"type": "kalman"}}
    given = {**EXAMPLES[2], **chain, "observation": {**EXAMPLES[2]["observation"], "sigma": sigma}}
    spec = kind.spec.model_validate(given)
    draft = kind.draft(spec, "cpu", NOTHING)
    return build(spec.model_copy(update={"resolution": provisional(draft, "cpu")}), "cpu", NOTHING)
