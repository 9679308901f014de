"""The list of operators: each one is torch's, changes nothing, draws nothing, and looks at sizes before it reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from burnish.wire.operators import OPERATORS, SIZES
from burnish_workers.tensors.graph import _target

ATEN: dict[str, Any] = {name: _target(name) for name in sorted(OPERATORS - SIZES)}
aten: Any = torch.ops.aten
X = torch.ones(2, 4, 3)
ONE, LONGER = torch.ones(1), torch.ones(30)


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_it_is_one_of_torch(name: str) -> None:
    assert callable(_target(name))


def test_none_changes_what_it_is_given() -> None:
    assert [name for name in ATEN if ATEN[name]._schema.is_mutable] == []


def test_none_draws() -> None:
    drawing = {torch.Tag.nondeterministic_seeded, torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
    assert [name for name in ATEN if drawing & set(ATEN[name].tags)] == []


def test_none_takes_places_to_read_from() -> None:
    """On a GPU a place out of range ends the process."""

    def takes(name: str) -> bool:
        return any("ind" in given.name and "Tensor" in str(given.type) for given in ATEN[name]._schema.arguments)

    assert [name for name in ATEN if takes(name)] == []
    example = aten.index_select.default._schema.arguments
    assert [given.name for given in example if "Tensor" in str(given.type)] == ["self", "index"]


LIES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "channels": (aten.native_group_norm.default, (X, None, None, 2, 8, 3, 2, 1e-5)),
    "columns": (aten._cdist_forward.default, (torch.ones(2, 3), torch.ones(2, 5), 1.0, None)),
    "elements": (aten._unsafe_view.default, (X, [100, 100])),
    "gain of a group": (aten.native_group_norm.default, (X, ONE, ONE, 2, 4, 3, 2, 1e-5)),
    "gain of a layer": (aten.native_layer_norm.default, (X, [3], ONE, ONE, 1e-5)),
    "gain of another type": (aten.native_layer_norm.default, (X, [3], torch.ones(3).double(), None, 1e-5)),
    "groups": (aten.native_group_norm.default, (X, None, None, 2, 4, 3, -2, 1e-5)),
    "inner sizes": (aten.addmm.default, (torch.ones(4), torch.ones(2, 3), torch.ones(5, 4))),
    "layer": (aten.native_layer_norm.default, (X, [30], LONGER, None, 1e-5)),
    "negative view": (aten._unsafe_view.default, (X, [-5, -5])),
    "no size": (aten.full.default, ([-1], 1.0)),
    "overflow": (aten.expand.default, (ONE, [2**62, 2**62])),
    "padding": (aten.constant_pad_nd.default, (X, [-100, 0])),
    "rows": (aten.native_group_norm.default, (X, None, None, 200, 4, 3, 2, 1e-5)),
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_sizes_that_lie_raise(name: str) -> None:
    operator, arguments = LIES[name]
    assert f"torch.ops.{operator}" in OPERATORS
    with pytest.raises(RuntimeError):
        operator(*arguments)


def test_one_that_does_not_look_is_not_listed() -> None:
    assert not [name for name in OPERATORS if "batch_norm" in name]
