"""Inference of the two networks in numpy: so small that a call of torch would take longer than the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import expit

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True, eq=False)
class Network:
    """A perceptron with SiLU between its layers, and a logit at its end. Weights (out, in), biases (out,)."""

    weights: tuple[NDArray[Any], ...]
    biases: tuple[NDArray[Any], ...]

    def logit(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """(n, in) -> (n,)."""
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight.T + bias
            if k < last:
                x = x * expit(x)
        return x[:, 0].astype(np.float64)


@lru_cache(maxsize=8)
def network(name: str) -> Network:
    """`policy`: logit that the next number is taken; `value`: logit that a sampled plan will reach the target."""
    tensors = load_file(MODELS / f"{name}.safetensors")
    layers = sorted(int(key.split(".")[0]) for key in tensors if key.endswith(".weight"))
    return Network(
        tuple(tensors[f"{k}.weight"] for k in layers),
        tuple(tensors[f"{k}.bias"] for k in layers),
    )
