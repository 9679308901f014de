"""How each operator that a model may be made of passes on tangents and the generator: a rule for every one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from burnish.wire.operators import OPERATORS, SIZES
from burnish_workers.tensors.duals import Dual
from burnish_workers.tensors.rules import elementwise, products, reductions, shapes

Rule = Callable[..., Dual | list[Dual]]
"""From what the operator gave (a tensor or several) and its arguments by name, duals in place of tensors."""


def flat(out: Tensor | Sequence[Tensor], **_: Any) -> Dual | list[Dual]:
    """No derivatives: comparisons, roundings, sizes, constants."""
    return Dual(out) if isinstance(out, Tensor) else [Dual(value) for value in out]


_WRITTEN: dict[str, Rule] = {
    "add.Tensor": elementwise.plus,
    "add.Scalar": elementwise.plus,
    "sub.Tensor": elementwise.minus,
    "sub.Scalar": elementwise.minus,
    "rsub.Tensor": elementwise.minus_reversed,
    "rsub.Scalar": elementwise.minus_reversed,
    "mul.Tensor": elementwise.times,
    "mul.Scalar": elementwise.times,
    "div.Tensor": elementwise.over,
    "div.Scalar": elementwise.over,
    "masked_fill.Scalar": elementwise.fill,
    **{f"where.{how}": elementwise.choose for how in ("self", "ScalarOther", "ScalarSelf", "Scalar")},
    **{f"{name}": reductions.softmax for name in ("softmax.int", "_softmax.default")},
    **{f"{name}": reductions.log_softmax for name in ("log_softmax.int", "_log_softmax.default")},
    "linear.default": products.linear,
    **{f"{name}.default": products.matmul for name in ("matmul", "mm", "bmm", "mv", "dot")},
    **{f"{name}.default": products.add_product for name in ("addmm", "addmv", "baddbmm")},
    "outer.default": products.outer,
    "einsum.default": products.einsum,
    "cdist.default": products.distances,
    "_cdist_forward.default": products.distances,
    "sum.default": reductions.sums,
    "sum.dim_IntList": reductions.sums,
    "mean.default": reductions.means,
    "mean.dim": reductions.means,
    "amax.default": reductions.extreme,
    "amin.default": reductions.extreme,
    "max.dim": reductions.extreme_with_place,
    "min.dim": reductions.extreme_with_place,
    "logsumexp.default": reductions.logsumexp,
    "linalg_vector_norm.default": reductions.norm,
    "norm.ScalarOpt_dim": reductions.norm_by_name,
    "prod.default": reductions.product_of_all,
    "prod.dim_int": reductions.product,
    "std.correction": reductions.deviation,
    "std.dim": reductions.deviation_by_bool,
    "var.correction": reductions.variance,
    "var.dim": reductions.variance_by_bool,
    "var_mean.correction": reductions.variance_and_mean,
    "layer_norm.default": reductions.layer_norm,
    "native_layer_norm.default": reductions.native_layer_norm,
    "group_norm.default": reductions.group_norm,
    "native_group_norm.default": reductions.native_group_norm,
    "rms_norm.default": reductions.rms_norm,
    **{f"{name}.default": shapes.same for name in ("alias", "clone", "contiguous", "lift_fresh_copy")},
    "_to_copy.default": shapes.retyped,
    "to.dtype": shapes.retyped,
    **dict.fromkeys(
        [
            "flatten.using_ints",
            "reshape.default",
            "squeeze.default",
            "squeeze.dim",
            "squeeze.dims",
            "unflatten.int",
            "view.default",
            "view_as.default",
            "_unsafe_view.default",
        ],
        shapes.reshape,
    ),
    "unsqueeze.default": shapes.unsqueeze,
    "transpose.int": shapes.transpose,
    "t.default": shapes.transpose_matrix,
    "permute.default": shapes.permute,
    "movedim.int": shapes.movedim,
    "expand.default": shapes.expand,
    "expand_as.default": shapes.expand,
    "select.int": shapes.select,
    "narrow.default": shapes.narrow,
    "slice.Tensor": shapes.cut,
    "cat.default": shapes.cat,
    "stack.default": shapes.stack,
    "constant_pad_nd.default": shapes.along_all(torch.ops.aten.constant_pad_nd.default),
    "repeat.default": shapes.repeat,
    "tile.default": shapes.repeat,
    "flip.default": shapes.flip,
    "roll.default": shapes.roll,
    "diagonal.default": shapes.diagonal,
    "cumsum.default": shapes.cumsum,
    **dict.fromkeys(
        [
            "sym_size.int",
            "arange.default",
            "arange.start",
            "arange.start_step",
            "full.default",
            "full_like.default",
            "new_full.default",
            "new_ones.default",
            "new_zeros.default",
            "ones.default",
            "ones_like.default",
            "scalar_tensor.default",
            "zeros.default",
            "zeros_like.default",
        ],
        flat,
    ),
}


def operator_of(name: str) -> Callable[..., Any]:
    """torch's operator of that name, without `torch.ops.aten.`."""
    family, overload = name.rsplit(".", 1)
    return getattr(getattr(torch.ops.aten, family), overload)


def rule_of(name: str) -> Rule:
    """The rule of an operator, by its name without `torch.ops.aten.`. Raises KeyError where there is none."""
    if name in _WRITTEN:
        return _WRITTEN[name]
    if name in elementwise.FLAT:
        return flat
    if name in elementwise.UNARY:
        return elementwise.unary(name, operator_of(name))
    if name in elementwise.JOINT:
        return elementwise.joint(operator_of(name))
    return {
        "chunk.default": shapes.pieces(operator_of("chunk.default")),
        "split.Tensor": shapes.pieces(operator_of("split.Tensor")),
        "split_with_sizes.default": shapes.pieces(operator_of("split_with_sizes.default")),
        "unbind.int": shapes.pieces(operator_of("unbind.int")),
    }[name]


RULES: dict[str, Rule] = {name: rule_of(name.removeprefix("torch.ops.aten.")) for name in sorted(OPERATORS - SIZES)}
"""For every operator on the list."""
