"""The operators that an uploaded model may be made of, by the names that exported graphs give them.

All are pure functions of their arguments: no randomness, nothing in place, nothing that depends on anything but its
inputs. All look at the sizes of what they are given before they read it, which not all of torch's do:
`_native_batch_norm_legit_no_training` reads beyond the end of statistics that are too short (torch 2.13). None takes
numbers as places to read from (`index`, `gather`), which on a GPU end the process where they are out of range.
Both the SDK, which says at once what will not be accepted, and the service go by this list.
"""

from __future__ import annotations

_UNARY = """abs.default acos.default asin.default atan.default ceil.default cos.default cosh.default erf.default
erfc.default erfinv.default exp.default expm1.default floor.default lgamma.default log.default log10.default
log1p.default log2.default logical_not.default nan_to_num.default neg.default reciprocal.default round.default
rsqrt.default sigmoid.default sign.default sin.default sinh.default sqrt.default square.default tan.default
tanh.default"""

_ACTIVATIONS = """celu.default elu.default gelu.default hardsigmoid.default hardswish.default hardtanh.default
leaky_relu.default log_sigmoid.default log_softmax.int _log_softmax.default mish.default relu.default relu6.default
selu.default silu.default softmax.int _softmax.default softplus.default softshrink.default"""

_BINARY = """add.Tensor add.Scalar atan2.default div.Scalar div.Tensor div.Tensor_mode hypot.default maximum.default
minimum.default mul.Scalar mul.Tensor pow.Scalar pow.Tensor_Scalar pow.Tensor_Tensor remainder.Scalar remainder.Tensor
rsub.Scalar rsub.Tensor sub.Scalar sub.Tensor addcmul.default addcdiv.default lerp.Scalar lerp.Tensor"""

_COMPARISON = """eq.Scalar eq.Tensor isnan.default ge.Scalar ge.Tensor gt.Scalar gt.Tensor le.Scalar le.Tensor
lt.Scalar lt.Tensor ne.Scalar ne.Tensor logical_and.default logical_or.default bitwise_and.Tensor bitwise_not.default
bitwise_or.Tensor bitwise_xor.Tensor where.self where.ScalarOther where.ScalarSelf where.Scalar clamp.default
clamp.Tensor clamp_max.default clamp_min.default masked_fill.Scalar"""

_LINEAR = """addmm.default baddbmm.default bmm.default cdist.default _cdist_forward.default dot.default einsum.default
linear.default matmul.default mm.default mv.default addmv.default outer.default"""

_REDUCTIONS = """amax.default amin.default cumsum.default logsumexp.default linalg_vector_norm.default max.dim
mean.default mean.dim min.dim norm.ScalarOpt_dim prod.default prod.dim_int std.correction std.dim sum.default
sum.dim_IntList var.correction var.dim var_mean.correction"""

_NORMALISATION = """layer_norm.default native_layer_norm.default group_norm.default native_group_norm.default
rms_norm.default"""

_SHAPE = """alias.default cat.default chunk.default clone.default constant_pad_nd.default contiguous.default
diagonal.default expand.default expand_as.default flatten.using_ints flip.default movedim.int narrow.default
permute.default repeat.default reshape.default roll.default select.int slice.Tensor split.Tensor
split_with_sizes.default squeeze.default squeeze.dim squeeze.dims stack.default t.default tile.default transpose.int
unbind.int unflatten.int unsqueeze.default view.default view_as.default _unsafe_view.default _to_copy.default to.dtype
sym_size.int lift_fresh_copy.default"""

_CONSTANTS = """arange.default arange.start arange.start_step full.default full_like.default new_full.default
new_ones.default new_zeros.default ones.default ones_like.default scalar_tensor.default zeros.default
zeros_like.default"""

_FAMILIES = (
    _UNARY,
    _ACTIVATIONS,
    _BINARY,
    _COMPARISON,
    _LINEAR,
    _REDUCTIONS,
    _NORMALISATION,
    _SHAPE,
    _CONSTANTS,
)

SIZES = frozenset({"_operator.add", "_operator.sub", "_operator.mul", "_operator.floordiv"})
"""Arithmetic of batch sizes."""

OPERATORS = frozenset(f"torch.ops.aten.{name}" for family in _FAMILIES for name in family.split()) | SIZES
"""Every target that a node may have."""
