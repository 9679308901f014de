"""The rule of every operator on the list, against nested derivatives of the operator itself, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from burnish.wire.operators import OPERATORS, SIZES
from burnish_workers.core.model_graph import Argument, Dtype, Node, Ref
from burnish_workers.tensors.duals import Diagonal, Dual
from burnish_workers.tensors.graph import names_of, run_dual
from burnish_workers.tensors.rules import RULES, operator_of

from .operator_cases import CASES, Call, Function, Varying

Form = Literal["dense", "diagonal", "shared"]
"""Tangents with all entries, with those on the diagonal, and with one row for all rows alike."""

generator = torch.Generator().manual_seed(11)
T = torch.rand(3, generator=generator, dtype=torch.float64)
X = 1.5 * torch.randn(3, 4, generator=generator, dtype=torch.float64)
DRIFT = torch.randn(3, 4, generator=generator, dtype=torch.float64)
SCALES = 0.3 + torch.rand(3, 4, generator=generator, dtype=torch.float64)
DIRECTIONS = torch.randn(5, 3, 4, generator=generator, dtype=torch.float64)


def directions(form: Form) -> Tensor:
    """(k, 3, 4)."""
    if form == "dense":
        return DIRECTIONS
    return torch.diag_embed(SCALES if form == "diagonal" else SCALES[:1].expand(3, 4)).movedim(-2, 0)


def moved(function: Function, form: Form, weights: Tensor) -> tuple[Tensor, Tensor]:
    """<w, P_i> for each i and <w, G>, of f along straight lines, by reverse over reverse."""
    firsts, second = [], torch.zeros((), dtype=torch.float64)
    for direction in directions(form):
        line = torch.zeros((), dtype=torch.float64, requires_grad=True)
        score = (weights * function(T, X + line * direction)).sum()
        slope = derivative(score, line)
        firsts.append(slope.detach())
        second = second + derivative(slope, line).detach()
    line = torch.zeros((), dtype=torch.float64, requires_grad=True)
    score = (weights * function(T + line, X + line * DRIFT)).sum()
    return torch.stack(firsts), derivative(score, line).detach() + 0.5 * second


def derivative(of: Tensor, by: Tensor) -> Tensor:
    if not of.requires_grad:
        return torch.zeros_like(by)
    return torch.autograd.grad(of, by, create_graph=True, materialize_grads=True)[0]


def dual_of(given: Varying, form: Form) -> Dual:
    """An argument with what it carries, entry by entry from `moved`."""
    value = given.function(T, X)
    entries = [moved(given.function, form, one.reshape(value.shape)) for one in torch.eye(value.numel()).double()]
    tangents = torch.stack([first for first, _ in entries], 1).reshape(-1, *value.shape)
    generated = torch.stack([total for _, total in entries]).reshape(value.shape)
    if form == "diagonal" and given.alone:
        return Dual(value, Diagonal(tangents.diagonal(0, 0, -1)), generated)
    return Dual(value, tangents, generated)


_KNOWN: dict[tuple[int, Form], Dual] = {}


def known_dual(given: Varying, form: Form) -> Dual:
    key = (id(given), form)
    if key not in _KNOWN:
        _KNOWN[key] = dual_of(given, form)
    return _KNOWN[key]


def as_node(name: str, call: Call, form: Form) -> tuple[Node, dict[str, Any], dict[str, Function]]:
    """The call as a node of a graph, what it looks at, and how to get that from (t, x)."""
    known: dict[str, Any] = {}
    functions: dict[str, Function] = {}

    def argument(value: Any) -> Argument:
        if isinstance(value, Varying):
            key = f"v{len(known)}"
            known[key], functions[key] = known_dual(value, form), value.function
            return Ref(key)
        if isinstance(value, Tensor):
            key = f"c{len(known)}"
            known[key], functions[key] = Dual(value), lambda t, x: value
            return Ref(key)
        return tuple(argument(item) for item in value) if isinstance(value, tuple) else value

    arguments = tuple((key, argument(value)) for key, value in call.items())
    schema = operator_of(name)._schema
    count = len(schema.returns)
    lists = "[]" in str(schema.returns[0].type) or "List" in str(schema.returns[0].type)
    outputs = tuple(f"o{i}" for i in range(count))
    if lists:
        values = operator_of(name)(**plain(call))
        outputs = (tuple(f"o{i}" for i in range(len(values))),)
    return Node(f"torch.ops.aten.{name}", arguments, outputs), known, functions


def plain(call: Call, t: Tensor = T, x: Tensor = X) -> dict[str, Any]:
    def value(given: Any) -> Any:
        if isinstance(given, Varying):
            return given.function(t, x)
        if isinstance(given, tuple):
            return [value(item) for item in given]
        return getattr(torch, given.name) if isinstance(given, Dtype) else given

    return {key: value(given) for key, given in call.items()}


def _distances(x1: Tensor, x2: Tensor, p: float = 2.0, **_: Any) -> Tensor:
    return torch.linalg.vector_norm(x1[..., :, None, :] - x2[..., None, :, :], ord=p, dim=-1)


def _layers(input: Tensor, normalized_shape: list[int], weight: Tensor, bias: Tensor, eps: float) -> list[Tensor]:
    inverse = (input.var(-1, correction=0, keepdim=True) + eps).rsqrt()
    centre = input.mean(-1, keepdim=True)
    return [(input - centre) * inverse * weight + bias, centre, inverse]


def _groups(input: Tensor, weight: Tensor, bias: Tensor, group: int, eps: float, **_: Any) -> list[Tensor]:
    each = input.reshape(len(input), group, -1)
    centre, inverse = each.mean(-1), (each.var(-1, correction=0) + eps).rsqrt()
    whole = ((each - centre[..., None]) * inverse[..., None]).reshape(input.shape)
    return [whole * weight[:, None] + bias[:, None], centre, inverse]


STAND_INS: dict[str, Callable[..., Any]] = {
    "_cdist_forward.default": _distances,
    "cdist.default": _distances,
    "hardsigmoid.default": lambda self: (self / 6 + 0.5).clamp(0, 1),
    "native_group_norm.default": _groups,
    "native_layer_norm.default": _layers,
}
"""Where torch has no second derivative, or none of all that the operator gives. Values are compared with these too."""


def outputs_of(name: str, call: Call, t: Tensor, x: Tensor) -> list[Any]:
    result = STAND_INS.get(name, operator_of(name))(**plain(call, t, x))
    return list(result) if isinstance(result, (list, tuple)) else [result]


def test_every_operator_has_a_rule_and_a_case() -> None:
    listed = {name.removeprefix("torch.ops.aten.") for name in OPERATORS - SIZES}
    assert {name.removeprefix("torch.ops.aten.") for name in RULES} == listed
    assert set(CASES) == listed


@pytest.mark.parametrize("form", ["dense", "diagonal", "shared"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_the_rule_agrees_with_nested_derivatives(name: str, form: Form) -> None:
    for call in CASES[name]:
        node, known, _ = as_node(name, call, form)
        given = {key: (dual.value.clone(), *_clones(dual)) for key, dual in known.items()}
        kept = dict(known)
        with torch.no_grad():
            run_dual(node, known, torch.device("cpu"), frozenset())
        for index, (key, wanted) in enumerate(zip(names_of(node), outputs_of(name, call, T, X), strict=True)):
            if not isinstance(wanted, Tensor):
                assert known[key] == wanted
                continue
            compare(name, call, form, index, known[key], wanted.detach())
        for key, before in given.items():  # nothing that it is given is changed
            for old, new in zip(before, (kept[key].value, *_clones(kept[key])), strict=True):
                assert old is None or torch.equal(old, new)


def _clones(dual: Dual) -> tuple[Tensor | None, Tensor | None]:
    tangents = dual.dense()
    return None if tangents is None else tangents.clone(), None if dual.generated is None else dual.generated.clone()


def compare(name: str, call: Call, form: Form, index: int, dual: Dual, wanted: Tensor) -> None:
    torch.testing.assert_close(dual.value, wanted, rtol=1e-12, atol=1e-12)
    if not wanted.is_floating_point():
        assert dual.constant
        return
    shape, count = wanted.shape, len(directions(form))
    tangents, generated = dual.dense(), dual.generated
    tangents = torch.zeros(()).double() if tangents is None else tangents
    generated = torch.zeros(()).double() if generated is None else generated
    if tangents.ndim:
        assert tangents.ndim == wanted.ndim + 1
    for seed in (1, 2):
        weights = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        first, total = moved(lambda t, x: outputs_of(name, call, t, x)[index], form, weights)
        mine = (weights * tangents.expand(count, *shape)).reshape(count, -1).sum(1)
        torch.testing.assert_close(mine, first, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close((weights * generated.expand(shape)).sum(), total, rtol=1e-8, atol=1e-8)


def _without_bends(name: str) -> Callable[..., Any]:
    """The rule with sum_i P_i P_i left out."""

    def rule(out: Tensor, **arguments: Any) -> Any:
        true = RULES[f"torch.ops.aten.{name}"](out, **arguments)
        straight = {k: Dual(v.value, None, v.generated) if isinstance(v, Dual) else v for k, v in arguments.items()}
        return replace(true, generated=RULES[f"torch.ops.aten.{name}"](out, **straight).generated)

    return rule


@pytest.mark.parametrize("name", ["tanh.default", "mul.Tensor", "softmax.int", "linalg_vector_norm.default"])
def test_a_rule_without_its_second_order_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = _without_bends(name)
    monkeypatch.setattr("burnish_workers.tensors.graph.RULES", {**RULES, f"torch.ops.aten.{name}": mutant})
    for form in ("dense", "diagonal"):
        with pytest.raises(AssertionError, match="not close"):
            test_the_rule_agrees_with_nested_derivatives(name, form)
