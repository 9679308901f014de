"""Diffusers directories of tiny untrained networks, and noise for rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.schedules import Schedule


def directory(folder: Path, scheduler: Any, **options: Any) -> Path:
    """A UNet2DModel of 4 x 4 pictures in two channels, random weights, as save_pretrained writes it."""
    from diffusers import DDPMPipeline, UNet2DModel

    torch.manual_seed(3)
    standard = {
        "sample_size": 4,
        "in_channels": 2,
        "out_channels": 2,
        "layers_per_block": 1,
        "block_out_channels": (8, 8),
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4,
        "add_attention": False,
    }
    network = UNet2DModel(**{**standard, **options})
    DDPMPipeline(unet=network, scheduler=scheduler).save_pretrained(folder)
    return folder


def with_json(folder: Path, name: str, **changes: Any) -> None:
    """Change entries of a JSON file of the directory; None removes one."""
    path = folder / name
    body = {**(json.loads(path.read_text()) if path.exists() else {}), **changes}
    path.write_text(json.dumps({key: value for key, value in body.items() if value is not None}))


def noise_at(schedule: Schedule, time: torch.Tensor, dtype: torch.dtype = torch.float32) -> Noise:
    """The noise of rows at these times (rows,)."""
    alpha, sigma = schedule.level(np.asarray(time, dtype=np.float64))
    return Noise(*(torch.as_tensor(each, dtype=dtype) for each in (alpha, sigma)), time.to(dtype))


def some(noise: Noise, index: torch.Tensor | slice) -> Noise:
    return Noise(noise.alpha[index], noise.sigma[index], noise.time[index])
