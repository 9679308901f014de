"""Trains the policy and the value network of the subset-sum task. Imports torch.

    python -m burnish_workers.kinds.reasoning.subset_sum.train --out DIR

The policy imitates random subsets: it sees the numbers left and what is missing, and learns the chance that the next
one was in the subset. The value network learns from the policy's own rollouts whether they will reach the target.
Nothing is injected: both err as networks of this size do.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from burnish_workers.kinds.reasoning.subset_sum.features import LARGEST, MOST_NUMBERS, WIDTH, features

_log = logging.getLogger(__name__)

HIDDEN, BATCH, RATE = 64, 512, 3e-3
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def main() -> None:
    """Train both and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two safetensors files")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    generator = np.random.default_rng(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    policy = trained(given.steps, lambda: imitation(generator), "policy")
    save_file(policy.state_dict(), given.out / "policy.safetensors")
    value = trained(given.steps, lambda: rollouts(policy, generator), "value")
    save_file(value.state_dict(), given.out / "value.safetensors")


def perceptron() -> nn.Sequential:
    layers = [nn.Linear(WIDTH, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 1)]
    return nn.Sequential(*layers)


def trained(steps: int, batch: Callable[[], Batch], name: str) -> nn.Sequential:
    """Minimise the cross entropy over fresh batches, with a rate that falls linearly to 0."""
    network, began = perceptron(), time.monotonic()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    for step in range(steps):
        inputs, labels = (torch.from_numpy(each) for each in batch())
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        loss: Tensor = nn.functional.binary_cross_entropy_with_logits(network(inputs)[:, 0], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % max(1, steps // 6) == 0:
            _log.info("%s: step %d, loss %.4f, %.0f s", name, step + 1, loss.item(), time.monotonic() - began)
    return network


def problems(count: int, generator: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Numbers (count, n) uniform on 1 .. LARGEST, and which of them are in a subset, each with chance 1/2."""
    numbers = generator.integers(1, LARGEST + 1, size=(count, MOST_NUMBERS)).astype(np.float64)
    return numbers, (generator.random(numbers.shape) < 0.5).astype(np.float64)


def imitation(generator: np.random.Generator) -> Batch:
    """All decisions of random subsets."""
    numbers, taken = problems(BATCH, generator)
    remaining, inputs = (numbers * taken).sum(1), list[NDArray[np.float32]]()
    for i in range(MOST_NUMBERS):
        inputs.append(features(numbers[:, i:], remaining))
        remaining = remaining - numbers[:, i] * taken[:, i]
    return np.concatenate(inputs), taken.T.reshape(-1).astype(np.float32)


@torch.no_grad()
def rollouts(policy: nn.Sequential, generator: np.random.Generator) -> Batch:
    """All nodes of plans by the policy, with whether the plan reached its target."""
    numbers, taken = problems(BATCH, generator)
    remaining, inputs = (numbers * taken).sum(1), list[NDArray[np.float32]]()
    for i in range(MOST_NUMBERS):
        inputs.append(features(numbers[:, i:], remaining))
        chance = torch.sigmoid(policy(torch.from_numpy(inputs[-1]))[:, 0]).numpy()
        remaining = remaining - numbers[:, i] * (generator.random(BATCH) < chance)
    reached = (remaining == 0).astype(np.float32)
    return np.concatenate(inputs), np.tile(reached, MOST_NUMBERS)


if __name__ == "__main__":
    main()
