"""Calls of every operator on the list, with arguments that depend on (t, x) in an asymmetric way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from burnish_workers.core.model_graph import Dtype

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Varying:
    """An argument that depends on t (3,) and x (3, 4). `alone`: entry j of row b on x_bj only."""

    function: Function
    alone: bool = False


def _fixed(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)


def _mixed(*shape: int, seed: int = 1) -> Varying:
    """A tensor of any shape, each entry of which depends on everything."""
    by_t, by_x = _fixed(*shape, 3, seed=seed) / 2, _fixed(*shape, 3, 4, seed=seed + 9) / 2
    return Varying(lambda t, x: 0.8 + 0.5 * torch.sin(by_t @ t + torch.einsum("...bj,bj->...", by_x, x)))


UNIT = Varying(lambda t, x: 0.5 + 0.4 * torch.sin(1.3 * x + 0.2), alone=True)
"""(3, 4), in (0.1, 0.9)."""
SIGNED = Varying(lambda t, x: 1.7 * torch.sin(1.1 * x + 0.3) - 0.2, alone=True)
"""(3, 4), of both signs."""
OTHER = Varying(lambda t, x: 1.2 + 0.6 * torch.cos(x - 0.5), alone=True)
"""(3, 4), positive."""
ROW = Varying(lambda t, x: 0.9 + 0.4 * torch.sin(x.sum(-1) + 2 * t))
"""(3,)."""
CLOCK = Varying(lambda t, x: 1 + torch.sin(t)[:, None] * _fixed(4))
"""(3, 4), of t alone."""
COLUMN, NARROW = Varying(lambda t, x: ROW.function(t, x)[:, None]), _mixed(3, 1)
CUBE, SQUARE = _mixed(3, 2, 4), _mixed(4, 4)
TURNED = Varying(lambda t, x: SIGNED.function(t, x).T)
ZERO = Varying(lambda t, x: torch.sin(x) * torch.tensor([0.0, 1.0, 1.0, 1.0]), alone=True)
W, C, B, M = _fixed(5, 4), _fixed(6, 4), _fixed(5), _fixed(3, 4)
YES = _fixed(3, 4, seed=5) > 0

Call = dict[str, Any]
_UNARY = """abs acos asin atan ceil cos cosh erf erfc erfinv exp expm1 floor lgamma log log10 log1p log2 logical_not
nan_to_num neg reciprocal round rsqrt sigmoid sign sin sinh sqrt square tan tanh"""
_ACTIVATIONS = """celu elu gelu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish relu relu6 selu silu softplus
softshrink"""
_COMPARISONS = "eq ge gt le lt ne"
_TRUTHS = "logical_and.default logical_or.default bitwise_and.Tensor bitwise_or.Tensor bitwise_xor.Tensor"

CASES: dict[str, list[Call]] = {
    **{f"{name}.default": [{"self": UNIT}] for name in _UNARY.split()},
    **{f"{name}.default": [{"self": SIGNED}, {"self": CUBE}] for name in _ACTIVATIONS.split()},
    **{f"{name}.Scalar": [{"self": UNIT, "other": 0.5}] for name in _COMPARISONS.split()},
    **{f"{name}.Tensor": [{"self": UNIT, "other": OTHER}] for name in _COMPARISONS.split()},
    **{name: [{"self": YES, "other": ~YES}] for name in _TRUTHS.split()},
    "bitwise_not.default": [{"self": YES}],
    "isnan.default": [{"self": UNIT}],
    "add.Tensor": [
        {"self": UNIT, "other": SIGNED, "alpha": -1.5},
        {"self": UNIT, "other": COLUMN},
        {"self": M, "other": UNIT},
        {"self": UNIT, "other": CLOCK},
        {"self": CUBE, "other": _mixed(2, 1)},
        {"self": B[:4], "other": UNIT},
    ],
    "add.Scalar": [{"self": UNIT, "other": 2.0}],
    "sub.Tensor": [{"self": UNIT, "other": OTHER, "alpha": 2}, {"self": M, "other": UNIT}, {"self": UNIT, "other": M}],
    "sub.Scalar": [{"self": UNIT, "other": 2.0}],
    "rsub.Tensor": [{"self": UNIT, "other": OTHER, "alpha": 2}, {"self": UNIT, "other": M}],
    "rsub.Scalar": [{"self": UNIT, "other": 2.0, "alpha": 3}],
    "mul.Tensor": [
        {"self": UNIT, "other": OTHER},
        {"self": UNIT, "other": UNIT},
        {"self": UNIT, "other": COLUMN},
        {"self": UNIT, "other": M},
        {"self": M[:1], "other": UNIT},
        {"self": UNIT, "other": CLOCK},
        {"self": CUBE, "other": _mixed(2, 1)},
    ],
    "mul.Scalar": [{"self": UNIT, "other": -2.5}],
    "div.Tensor": [
        {"self": UNIT, "other": OTHER},
        {"self": UNIT, "other": M},
        {"self": M, "other": OTHER},
        {"self": UNIT, "other": COLUMN},
    ],
    "div.Scalar": [{"self": UNIT, "other": -2.5}],
    "div.Tensor_mode": [
        {"self": UNIT, "other": OTHER, "rounding_mode": None},
        {"self": UNIT, "other": OTHER, "rounding_mode": "floor"},
    ],
    "atan2.default": [{"self": SIGNED, "other": OTHER}, {"self": UNIT, "other": M}],
    "hypot.default": [{"self": SIGNED, "other": OTHER}],
    "maximum.default": [{"self": SIGNED, "other": UNIT}, {"self": SIGNED, "other": M}],
    "minimum.default": [{"self": SIGNED, "other": UNIT}, {"self": CUBE, "other": _mixed(2, 1)}],
    "pow.Tensor_Scalar": [{"self": UNIT, "exponent": e} for e in (0, 1, 2, 3, 0.5, -1.5)],
    "pow.Scalar": [{"self": 1.7, "exponent": SIGNED}],
    "pow.Tensor_Tensor": [{"self": UNIT, "exponent": SIGNED}, {"self": UNIT, "exponent": M}],
    "remainder.Scalar": [{"self": SIGNED, "other": 0.7}],
    "remainder.Tensor": [{"self": SIGNED, "other": OTHER}],
    "addcmul.default": [{"self": UNIT, "tensor1": SIGNED, "tensor2": OTHER, "value": 0.7}],
    "addcdiv.default": [{"self": UNIT, "tensor1": SIGNED, "tensor2": OTHER, "value": 0.7}],
    "lerp.Scalar": [{"self": UNIT, "end": SIGNED, "weight": 0.3}],
    "lerp.Tensor": [{"self": UNIT, "end": SIGNED, "weight": OTHER}],
    "where.self": [
        {"condition": YES, "self": UNIT, "other": SIGNED},
        {"condition": YES, "self": NARROW, "other": M},
    ],
    "where.ScalarOther": [{"condition": YES, "self": UNIT, "other": 2.0}],
    "where.ScalarSelf": [{"condition": YES, "self": 2.0, "other": UNIT}],
    "where.Scalar": [{"condition": YES, "self": 2.0, "other": 1.0}],
    "masked_fill.Scalar": [{"self": UNIT, "mask": YES, "value": 3.0}],
    "clamp.default": [{"self": SIGNED, "min": -0.5, "max": 0.7}, {"self": SIGNED, "max": 0.7}],
    "clamp.Tensor": [{"self": SIGNED, "min": M - 1, "max": OTHER}],
    "clamp_max.default": [{"self": SIGNED, "max": 0.7}],
    "clamp_min.default": [{"self": SIGNED, "min": -0.5}],
    "gelu.default": [{"self": SIGNED}, {"self": SIGNED, "approximate": "tanh"}],
    "softplus.default": [{"self": SIGNED}, {"self": SIGNED, "beta": 2.0, "threshold": 1.0}],
    "celu.default": [{"self": SIGNED, "alpha": 1.4}],
    "elu.default": [{"self": SIGNED, "alpha": 1.4}],
    "leaky_relu.default": [{"self": SIGNED, "negative_slope": 0.2}],
    "softshrink.default": [{"self": SIGNED, "lambd": 0.3}],
    **{f"{name}.int": [{"self": SIGNED, "dim": 1}, {"self": CUBE, "dim": 1}] for name in ("softmax", "log_softmax")},
    **{
        f"_{name}.default": [{"self": SIGNED, "dim": -1, "half_to_float": False}] for name in ("softmax", "log_softmax")
    },
    "linear.default": [
        {"input": SIGNED, "weight": W, "bias": B},
        {"input": CUBE, "weight": W},
        {"input": SIGNED, "weight": B[:4]},
        {"input": SIGNED, "weight": _mixed(5, 4), "bias": _mixed(5)},
        {"input": CLOCK, "weight": W},
    ],
    "addmm.default": [
        {"self": B, "mat1": SIGNED, "mat2": W.T},
        {"self": _mixed(3, 5), "mat1": SIGNED, "mat2": W.T, "beta": 0.5, "alpha": 2.0},
        {"self": B[:3], "mat1": W, "mat2": TURNED, "alpha": 3.0},
    ],
    "addmv.default": [{"self": B[:3], "mat": SIGNED, "vec": B[:4]}, {"self": B[:3], "mat": SIGNED, "vec": _mixed(4)}],
    "baddbmm.default": [{"self": _mixed(3, 2, 5), "batch1": CUBE, "batch2": _fixed(3, 4, 5), "beta": 2, "alpha": 3}],
    "bmm.default": [{"self": CUBE, "mat2": _fixed(3, 4, 2)}, {"self": CUBE, "mat2": _mixed(3, 4, 2)}],
    "mm.default": [{"self": SIGNED, "mat2": W.T}, {"self": W, "mat2": TURNED}, {"self": SIGNED, "mat2": SQUARE}],
    "mv.default": [{"self": SIGNED, "vec": B[:4]}, {"self": SIGNED, "vec": _mixed(4)}],
    "dot.default": [{"self": ROW, "tensor": B[:3]}, {"self": ROW, "tensor": _mixed(3)}],
    "outer.default": [{"self": ROW, "vec2": B}, {"self": ROW, "vec2": _mixed(5)}],
    "matmul.default": [
        {"self": SIGNED, "other": W.T},
        {"self": SIGNED, "other": B[:4]},
        {"self": B[:3], "other": SIGNED},
        {"self": CUBE, "other": W.T},
        {"self": _fixed(7, 3, 5, 2), "other": CUBE},
        {"self": CUBE, "other": _mixed(7, 3, 4, 2)},
        {"self": ROW, "other": _mixed(3)},
    ],
    "einsum.default": [
        {"equation": "bi,bi->b", "tensors": (SIGNED, UNIT)},
        {"equation": "bi,ji->bj", "tensors": (SIGNED, W)},
        {"equation": "bi,bi,b", "tensors": (SIGNED, OTHER, ROW)},
        {"equation": "b...i, ij -> b...j", "tensors": (CUBE, SQUARE)},
        {"equation": "ii->i", "tensors": (SQUARE,)},
    ],
    "cdist.default": [
        {"x1": SIGNED, "x2": C},
        {"x1": SIGNED, "x2": _mixed(6, 4)},
        {"x1": CUBE, "x2": C[None]},
        {"x1": SIGNED, "x2": C, "p": 1.0},
        {"x1": SIGNED, "x2": C, "p": 3.0},
    ],
    "_cdist_forward.default": [{"x1": SIGNED, "x2": C, "p": 2.0, "compute_mode": None}],
    "amax.default": [{"self": SIGNED, "dim": (1,)}, {"self": CUBE, "dim": (0, 2), "keepdim": True}, {"self": SIGNED}],
    "amin.default": [{"self": SIGNED, "dim": (-1,), "keepdim": True}],
    "max.dim": [{"self": SIGNED, "dim": 1}, {"self": CUBE, "dim": -2, "keepdim": True}],
    "min.dim": [{"self": SIGNED, "dim": 1, "keepdim": True}],
    "cumsum.default": [{"self": SIGNED, "dim": 1}, {"self": CUBE, "dim": -2}],
    "logsumexp.default": [{"self": SIGNED, "dim": (1,)}, {"self": CUBE, "dim": (0, -1), "keepdim": True}],
    "linalg_vector_norm.default": [
        *({"self": SIGNED, "ord": p, "dim": (1,)} for p in (0, 1, 2, 3, 2.5, float("inf"))),
        {"self": CUBE, "ord": 2, "dim": None, "keepdim": True},
    ],
    "norm.ScalarOpt_dim": [{"self": SIGNED, "p": None, "dim": (1,)}, {"self": CUBE, "p": 3, "dim": (1, 2)}],
    "mean.default": [{"self": SIGNED}],
    "mean.dim": [{"self": SIGNED, "dim": (1,)}, {"self": CUBE, "dim": (0, 2), "keepdim": True}],
    "sum.default": [{"self": SIGNED}, {"self": CUBE}],
    "sum.dim_IntList": [
        {"self": SIGNED, "dim": (-1,), "keepdim": True},
        {"self": SIGNED, "dim": (0,)},
        {"self": CUBE, "dim": (0, 2)},
        {"self": SIGNED, "dim": None},
    ],
    "prod.default": [{"self": SIGNED}],
    "prod.dim_int": [{"self": SIGNED, "dim": 1}, {"self": ZERO, "dim": 1}, {"self": CUBE, "dim": -2, "keepdim": True}],
    "std.correction": [{"self": SIGNED, "dim": (1,), "correction": 0}, {"self": CUBE, "dim": None, "keepdim": True}],
    "std.dim": [{"self": SIGNED, "dim": (1,)}, {"self": SIGNED, "dim": (1,), "unbiased": False, "keepdim": True}],
    "var.correction": [{"self": SIGNED, "dim": (1,), "correction": 2}],
    "var.dim": [{"self": SIGNED, "dim": (1,)}, {"self": CUBE, "dim": (0, 2), "unbiased": False}],
    "var_mean.correction": [{"self": SIGNED, "dim": (1,), "correction": 0, "keepdim": True}],
    "layer_norm.default": [
        {"input": SIGNED, "normalized_shape": (4,), "weight": B[:4], "bias": W[0]},
        {"input": CUBE, "normalized_shape": (2, 4), "eps": 0.1},
    ],
    "native_layer_norm.default": [
        {"input": SIGNED, "normalized_shape": (4,), "weight": B[:4], "bias": W[0], "eps": 0.01}
    ],
    "group_norm.default": [{"input": _mixed(3, 4, 2), "num_groups": 2, "weight": B[:4], "bias": W[0]}],
    "native_group_norm.default": [
        {"input": _mixed(3, 4, 2), "weight": B[:4], "bias": W[0], "N": 3, "C": 4, "HxW": 2, "group": 2, "eps": 0.01}
    ],
    "rms_norm.default": [
        {"input": SIGNED, "normalized_shape": (4,), "weight": B[:4]},
        {"input": CUBE, "normalized_shape": (2, 4), "eps": 0.1},
    ],
    **{f"{name}.default": [{"self": SIGNED}] for name in ("alias", "clone", "contiguous", "lift_fresh_copy")},
    "cat.default": [
        {"tensors": (SIGNED, M, NARROW), "dim": 1},
        {"tensors": (M, SIGNED), "dim": -1},
        {"tensors": (M, SIGNED, SIGNED), "dim": 0},
    ],
    "chunk.default": [{"self": SIGNED, "chunks": 2, "dim": 1}, {"self": CUBE, "chunks": 2, "dim": -2}],
    "constant_pad_nd.default": [{"self": SIGNED, "pad": (1, 2, 0, 1), "value": 0.5}],
    "diagonal.default": [{"self": SQUARE}, {"self": CUBE, "offset": 1, "dim1": 1, "dim2": -1}],
    "expand.default": [{"self": SIGNED, "size": (2, 3, 4)}, {"self": NARROW, "size": (-1, 4)}],
    "expand_as.default": [{"self": NARROW, "other": M}],
    "flatten.using_ints": [{"self": CUBE, "start_dim": 1}, {"self": SIGNED}],
    "flip.default": [{"self": SIGNED, "dims": (1,)}, {"self": CUBE, "dims": (0, -1)}],
    "movedim.int": [{"self": CUBE, "source": -1, "destination": 0}, {"self": SIGNED, "source": 0, "destination": 1}],
    "narrow.default": [{"self": SIGNED, "dim": 1, "start": 1, "length": 2}],
    "permute.default": [{"self": CUBE, "dims": (2, 0, -2)}, {"self": SIGNED, "dims": (1, 0)}],
    "repeat.default": [{"self": SIGNED, "repeats": (2, 1, 3)}],
    "reshape.default": [{"self": SIGNED, "shape": (3, 2, 2)}, {"self": CUBE, "shape": (-1,)}],
    "roll.default": [{"self": SIGNED, "shifts": (1,), "dims": (1,)}, {"self": CUBE, "shifts": (2,)}],
    "select.int": [{"self": SIGNED, "dim": 1, "index": 2}, {"self": CUBE, "dim": -2, "index": -1}],
    "slice.Tensor": [
        {"self": SIGNED, "dim": 1, "start": 1},
        {"self": SIGNED, "dim": 0, "start": 1, "end": 3},
        {"self": SIGNED, "dim": -1, "start": 0, "end": 9223372036854775807},
        {"self": CUBE, "dim": 2, "start": -3, "end": -1, "step": 1},
        {"self": SIGNED, "dim": 1, "step": 2},
    ],
    "split.Tensor": [{"self": SIGNED, "split_size": 3, "dim": 1}],
    "split_with_sizes.default": [
        {"self": SIGNED, "split_sizes": (1, 3), "dim": -1},
        {"self": SIGNED, "split_sizes": (1, 2)},
    ],
    "squeeze.default": [{"self": NARROW}],
    "squeeze.dim": [{"self": NARROW, "dim": -1}, {"self": SIGNED, "dim": 0}],
    "squeeze.dims": [{"self": NARROW, "dim": (0, 1)}],
    "stack.default": [{"tensors": (SIGNED, M), "dim": 1}, {"tensors": (ROW, ROW), "dim": -1}],
    "t.default": [{"self": SIGNED}, {"self": ROW}],
    "tile.default": [{"self": SIGNED, "dims": (2,)}, {"self": SIGNED, "dims": (2, 1, 2)}],
    "transpose.int": [{"self": CUBE, "dim0": -1, "dim1": 0}],
    "unbind.int": [{"self": SIGNED, "dim": 1}, {"self": CUBE, "dim": -2}],
    "unflatten.int": [{"self": SIGNED, "dim": 1, "sizes": (2, 2)}],
    "unsqueeze.default": [{"self": SIGNED, "dim": d} for d in (0, 1, 2, -1, -2)],
    "view.default": [{"self": SIGNED, "size": (3, 1, 4)}, {"self": SIGNED, "size": (12,)}],
    "view_as.default": [{"self": SIGNED, "other": M}],
    "_unsafe_view.default": [{"self": SIGNED, "size": (6, 2)}],
    "_to_copy.default": [{"self": SIGNED, "dtype": Dtype("float64")}, {"self": SIGNED, "dtype": Dtype("int64")}],
    "to.dtype": [{"self": SIGNED, "dtype": Dtype("float64")}],
    "full_like.default": [{"self": SIGNED, "fill_value": 2.0}],
    "new_full.default": [{"self": SIGNED, "size": (2,), "fill_value": 2.0}],
    **{f"{name}.default": [{"self": SIGNED, "size": (2,)}] for name in ("new_ones", "new_zeros")},
    **{f"{name}.default": [{"self": SIGNED}] for name in ("ones_like", "zeros_like")},
    "sym_size.int": [{"self": SIGNED, "dim": 0}],
    "arange.default": [{"end": 3}],
    "arange.start": [{"start": 1, "end": 3}],
    "arange.start_step": [{"start": 1, "end": 3, "step": 2}],
    "full.default": [{"size": (2,), "fill_value": 1.0}],
    "ones.default": [{"size": (2,)}],
    "zeros.default": [{"size": (2,)}],
    "scalar_tensor.default": [{"s": 1.0}],
}
