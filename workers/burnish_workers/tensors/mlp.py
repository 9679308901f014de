"""A tanh MLP as a field, with the generator of the diffusion applied to it exactly (forward Laplacian)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.duals import Dual
from burnish_workers.tensors.forward import in_chunks
from burnish_workers.tensors.jets import Jet
from burnish_workers.tensors.rules import elementwise
from burnish_workers.tensors.rules.axes import unsqueezed
from burnish_workers.tensors.rules.products import linear
from burnish_workers.tensors.rules.shapes import cat, select

InputOrder = Literal["x then t", "t then x"]

# Tangents kept in flight per chunk: 0.6 MB of float32 stays in a core's L2 (5x50, d = 20: 143,000 jets per CPU-second
# in chunks of 128 samples, 71,000 with 4096 at once); a GPU wants large launches instead.
_CPU_CHUNK_ELEMENTS = 140_000
_GPU_CHUNK_ELEMENTS = 1 << 28


@dataclass(frozen=True, slots=True)
class MLPField:
    """u(t, x) = W_L tanh(... tanh(W_0 (x, t) + b_0) ...) + b_L.

    weights[l] has shape (out, in), biases[l] (out,); the first layer takes d + 1 inputs in `order`, the last
    gives one output. Computes in the dtype and on the device of its tensors.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    order: InputOrder = "x then t"

    def __post_init__(self) -> None:
        _check_shapes(self.weights, self.biases)
        if self.order not in ("x then t", "t then x"):
            raise ValueError(f"unknown input order {self.order!r}; known: 'x then t', 't then x'")

    @property
    def dim(self) -> int:
        """d, the number of space coordinates."""
        return self.weights[0].shape[1] - 1

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> MLPField:
        """The same field on another device or in another dtype."""
        return MLPField(
            tuple(weight.to(device=device, dtype=dtype) for weight in self.weights),
            tuple(bias.to(device=device, dtype=dtype) for bias in self.biases),
            self.order,
        )

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        hidden = self._first(t, x)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            hidden = torch.addmm(bias[:, None], weight, torch.tanh(hidden))
        return hidden[0]

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """Value, z = sigma^T grad u and generated, exact; see `Field.jet`. Draws nothing from the generator.

        Works with and without autograd; chunks the batch so that the tangents stay in cache.
        """

        def rows(i: int, j: int) -> Jet:
            return self._jet(t[i:j], x[i:j], drift[i:j], diffusion.rows(i, j))

        return in_chunks(rows, len(t), self._chunk(diffusion.noise_dim(self.dim)))

    def _jet(self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
        """The forward Laplacian, features first so that every elementwise pass is long and contiguous.

        Three things travel through the layers: the value h, the tangents P_i = <sigma_i, grad h> (w, k, B), and
        G = d_t h + <mu, grad h> + 1/2 sum_i sigma_i^T (Hess h) sigma_i. All are linear in the layer's input but
        for a = tanh h, where with a' = 1 - a^2 and a'' = -2 a a'
            P_i -> a' P_i,     G -> a' G + 1/2 a'' sum_i P_i^2 = a' (G - a sum_i P_i^2).
        """
        noise_dim = diffusion.noise_dim(self.dim)
        by_x, by_t = self._split_first()
        tangents = diffusion.left_multiply(by_x)
        generated = by_x @ drift.T + by_t[:, None]
        hidden = self._first(t, x)
        # The gated tangents may overwrite the fresh ones, unless autograd still needs those.
        gate = torch.mul if torch.is_grad_enabled() else _overwrite
        for layer, (weight, bias) in enumerate(zip(self.weights[1:], self.biases[1:], strict=True)):
            value = torch.tanh(hidden)
            slope = 1 - value * value
            generated = slope * (generated - value * (tangents * tangents).sum(1))
            tangents = (torch.mul if layer == 0 else gate)(tangents, slope[:, None])
            hidden = torch.addmm(bias[:, None], weight, value)
            generated = weight @ generated
            tangents = (weight @ tangents.flatten(1)).unflatten(1, (noise_dim, len(t)))
        return Jet(hidden[0], tangents[0].T, generated[0])

    @property
    def breadth(self) -> int:
        """The widest layer."""
        return max(len(bias) for bias in self.biases)

    def carry(self, t: Dual, x: Dual) -> Dual:
        """u along any directions, by the rules of the operators that a network is made of."""
        column = unsqueezed(t, 1)
        inputs = [x, column] if self.order == "x then t" else [column, x]
        hidden = cat(torch.cat([part.value for part in inputs], 1), inputs, 1)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                hidden = _TANH(torch.tanh(hidden.value), self=hidden)
            out = torch.nn.functional.linear(hidden.value, weight, bias)
            hidden = linear(out, hidden, Dual(weight), Dual(bias))
        return select(hidden.value[:, 0], hidden, 1, 0)

    def _first(self, t: Tensor, x: Tensor) -> Tensor:
        by_x, by_t = self._split_first()
        return torch.addmm(self.biases[0][:, None], by_x, x.T) + by_t[:, None] * t

    def _split_first(self) -> tuple[Tensor, Tensor]:
        first = self.weights[0]
        return (first[:, :-1], first[:, -1]) if self.order == "x then t" else (first[:, 1:], first[:, 0])

    def _chunk(self, noise_dim: int) -> int:
        budget = _GPU_CHUNK_ELEMENTS if self.weights[0].is_cuda else _CPU_CHUNK_ELEMENTS
        return max(16, budget // (self.breadth * noise_dim))


_TANH = elementwise.unary("tanh.default", torch.tanh)


def _overwrite(tensor: Tensor, factor: Tensor) -> Tensor:
    return tensor.mul_(factor)


def _check_shapes(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
    if len(weights) != len(biases) or len(weights) < 2:
        raise ValueError(
            f"a tanh MLP needs as many biases as weights and at least two layers, got {len(weights)} weights and "
            f"{len(biases)} biases"
        )
    fan_in = weights[0].shape[1] if weights[0].ndim == 2 else -1
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        fan_out = 1 if layer == len(weights) - 1 else len(bias)
        if weight.shape != (fan_out, fan_in) or bias.shape != (fan_out,):
            raise ValueError(
                f"layer {layer} should map {fan_in} inputs to {fan_out} outputs, but its weight has shape "
                f"{tuple(weight.shape)} and its bias {tuple(bias.shape)}"
            )
        fan_in = fan_out
