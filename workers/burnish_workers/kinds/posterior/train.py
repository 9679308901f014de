"""Trains the prior `digits`, a class-conditional diffusion model of 8 x 8 pictures of digits:

    python -m burnish_workers.kinds.posterior.train --out DIR

Denoising score matching (Ho, Jain, Abbeel, arXiv 2006.11239): minimise

    E |eps - eps_theta(alpha_t x_0 + sigma_t eps, t, c)|^2

over the weights theta, with t uniform on 0..999, cosine alphas (Nichol, Dhariwal, arXiv 2102.09672) and the label c
replaced by the null class in 15 % of the rows (Ho, Salimans, arXiv 2207.12598). The running average of theta is kept.
Writes a diffusers directory with safetensors, and a card that says how it was made.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)

CLASSES = 10
NULL = CLASSES
"""The label that stands for none."""
NOISE_LEVELS = 1_000
COMMAND = "python -m burnish_workers.kinds.posterior.train --out DIR"
LICENCE = "CC BY 4.0"
SOURCE = (
    "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), "
    "doi 10.24432/C50P49; the 1797 pictures of sklearn.datasets.load_digits"
)


@dataclass(frozen=True)
class Options:
    """`decay`: of the average of the weights; `dropped`: the share of labels replaced by the null class."""

    seed: int = 0
    steps: int = 3_000
    batch: int = 128
    learning_rate: float = 3e-3
    warm_up: int = 200
    decay: float = 0.998
    dropped: float = 0.15
    held_out: float = 0.1


@dataclass(frozen=True)
class Pictures:
    """`x`: (n, 1, 8, 8) in [-1, 1]; `label`: (n,)."""

    x: Tensor
    label: Tensor

    def rows(self, index: Tensor) -> Pictures:
        return Pictures(self.x[index], self.label[index])


def pictures() -> Pictures:
    """All digits of scikit-learn: x/8 - 1 of the grey values 0..16."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    return Pictures(torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(data.target))


def split(every: Pictures, options: Options) -> tuple[Pictures, Pictures]:
    """The pictures to train with, and those that are held out, by the seed."""
    order = torch.randperm(len(every.x), generator=torch.Generator().manual_seed(options.seed))
    held_out = round(options.held_out * len(order))
    return every.rows(order[held_out:]), every.rows(order[:held_out])


def network(seed: int) -> Any:
    """A diffusers UNet2DModel of 160,401 weights, as the seed initialises it."""
    from diffusers import UNet2DModel  # pyright: ignore[reportPrivateImportUsage]

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            layers_per_block=1,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
            add_attention=False,
            num_class_embeds=CLASSES + 1,
        )


def schedule() -> Any:
    """Cosine alphas; x0 is clipped to [-1, 1], the range of the data."""
    from diffusers import DDPMScheduler  # pyright: ignore[reportPrivateImportUsage]

    return DDPMScheduler(num_train_timesteps=NOISE_LEVELS, beta_schedule="squaredcos_cap_v2")


def losses(net: Any, noising: Any, data: Pictures, generator: torch.Generator, dropped: float) -> Tensor:
    """|eps - eps_theta|^2 per pixel and row: (n,)."""
    rows = len(data.x)
    time_steps = torch.randint(0, NOISE_LEVELS, (rows,), generator=generator)
    noise = torch.randn(data.x.shape, generator=generator)
    label = torch.where(torch.rand(rows, generator=generator) < dropped, NULL, data.label)
    found = net(noising.add_noise(data.x, noise, time_steps), time_steps, class_labels=label).sample
    return (found - noise).square().flatten(1).mean(1)


def train(data: Pictures, options: Options) -> Any:
    """The network with averaged weights."""
    net, noising = network(options.seed).train(), schedule()
    average = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=options.learning_rate)
    generator = torch.Generator().manual_seed(options.seed + 1)
    for step in range(options.steps):
        optimiser.param_groups[0]["lr"] = options.learning_rate * _ramp(step, options)
        index = torch.randint(0, len(data.x), (options.batch,), generator=generator)
        loss = losses(net, noising, data.rows(index), generator, options.dropped).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        _average(average, net, min(options.decay, (1 + step) / (10 + step)))
        if (step + 1) % 250 == 0:
            _log.info("step %5d  loss %.4f", step + 1, loss.item())
    return average.eval()


def _ramp(step: int, options: Options) -> float:
    """Up from zero, then down to a fiftieth."""
    return min(1.0, (step + 1) / options.warm_up) * max(0.02, 1 - step / options.steps)


@torch.no_grad()
def _average(average: Any, net: Any, decay: float) -> None:
    for mean, value in zip(average.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


@torch.no_grad()
def measured(net: Any, data: Pictures, rounds: int = 20) -> float:
    """The mean loss with labels over `rounds` draws of noise and time steps for each picture."""
    generator = torch.Generator().manual_seed(12_345)
    return float(torch.stack([losses(net, schedule(), data, generator, 0.0).mean() for _ in range(rounds)]).mean())


def save(net: Any, folder: Path, card: dict[str, Any]) -> None:
    """A diffusers directory and its card."""
    from diffusers import DDPMPipeline  # pyright: ignore[reportPrivateImportUsage]

    DDPMPipeline(unet=net, scheduler=schedule()).save_pretrained(folder, safe_serialization=True)
    (folder / "burnish.json").write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    """Train, report progress, write the directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the directory to write")
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--steps", type=int, default=Options.steps)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    options = Options(seed=given.seed, steps=given.steps)
    shown, held_out = split(pictures(), options)
    began = time.process_time()
    net = train(shown, options)
    seconds = round(time.process_time() - began)
    save(net, given.out, about(net, options, seconds, measured(net, shown), measured(net, held_out)))


def about(net: Any, options: Options, seconds: int, shown: float, held_out: float) -> dict[str, Any]:
    """The card: what the model is, what it was made of and how."""
    return {
        "summary": "8 x 8 grey pictures of handwritten digits, by class or without",
        "shape": [1, 8, 8],
        "null_class": NULL,
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "data": SOURCE,
        "data_licence": LICENCE,
        "values": "grey value 0..16 as x/8 - 1",
        "trained": COMMAND,
        "options": asdict(options),
        "cpu_seconds": seconds,
        "loss": {"train": round(shown, 5), "held_out": round(held_out, 5)},
    }


if __name__ == "__main__":
    main()
