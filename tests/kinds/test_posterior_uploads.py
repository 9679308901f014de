"""Uploaded networks as factors of a target: the same answers as the formulas that they were made of."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import burnish
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.model_file import inspect_model
from burnish_workers.engine.resolve import provisional

from .posteriors import KIND, spec_of


class Bent(nn.Module):
    """H(x) = (tanh x_0, x_0 x_1): two numbers for each sample."""

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return torch.stack([torch.tanh(x[:, 0]), x[:, 0] * x[:, 1]], dim=1)


class Classes(nn.Module):
    """Logits of three classes, linear in x."""

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return torch.stack([0.5 * x[:, 0], -x[:, 1], 0.2 * x[:, 0] * 0], dim=1)


class Well(nn.Module):
    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return -((x - 1) ** 2).sum(1)


def uploaded(module: nn.Module, gives: Any) -> tuple[str, Inputs]:
    data = burnish.export(module, 2, gives=gives).data
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return name, Inputs({name: inspect_model(data).card}, {name: data})


def evidences(body: dict[str, Any], inputs: Inputs) -> np.ndarray[Any, Any]:
    """log Z^ of 8 islands by the unguided proposal, with the randomness that any other target would get."""
    spec = spec_of(guidance={"type": "none"}, particles=128, **body)
    KIND.check(spec, inputs)
    resolution = provisional(KIND.draft(spec, "any", inputs), "any")
    simulator = KIND.load()(spec.model_copy(update={"resolution": resolution}), "cpu", inputs)
    return simulator.advance({}, block_key(1, 0, 0), 0, 8)[1]["islands/log_weight"]


def test_a_classifier_is_its_log_probability_as_a_reward() -> None:
    name, inputs = uploaded(Classes(), "vector")
    seen = evidences({"observation": None, "condition": {"classifier": name, "label": 1}}, inputs)
    formula = "-x[1] - log(exp(0.5*x[0]) + exp(-x[1]) + 1)"
    stated = evidences({"observation": None, "reward": {"expression": formula}}, Inputs())
    np.testing.assert_allclose(seen, stated, atol=1e-4)


def test_an_operator_of_several_numbers_is_its_formulas() -> None:
    name, inputs = uploaded(Bent(), "vector")
    observed = {"y": [0.3, 1.0], "sigma": 0.5}
    seen = evidences({"observation": {"operator": {"type": "model", "model": name}, **observed}}, inputs)
    formulas = {"type": "expression", "expression": ["tanh(x[0])", "x[0]*x[1]"]}
    np.testing.assert_allclose(
        seen, evidences({"observation": {"operator": formulas, **observed}}, Inputs()), atol=1e-4
    )


def test_a_network_of_one_number_is_a_reward_and_an_operator() -> None:
    name, inputs = uploaded(Well(), "number")
    seen = evidences({"observation": None, "reward": {"model": name, "temperature": 2.0}}, inputs)
    stated = {"expression": "-norm2(x - 1)", "temperature": 2.0}
    np.testing.assert_allclose(seen, evidences({"observation": None, "reward": stated}, Inputs()), atol=1e-4)
    observed = {"y": [-2.0], "sigma": 0.5}
    seen = evidences({"observation": {"operator": {"type": "model", "model": name}, **observed}}, inputs)
    formula = {"type": "expression", "expression": "-norm2(x - 1)"}
    np.testing.assert_allclose(seen, evidences({"observation": {"operator": formula, **observed}}, Inputs()), atol=1e-4)


@pytest.mark.parametrize(
    ("body", "module", "gives", "pointer", "says"),
    [
        ({"condition": {"label": 0}}, Well(), "number", "/condition/label", "gives 1 number for each sample"),
        ({"condition": {"label": 3}}, Classes(), "vector", "/condition/label", "gives 3 numbers for each sample"),
        ({"reward": {}}, Bent(), "sample", "/reward/model", "a reward is one number"),
        ({"observation": {"y": [0.1], "sigma": 1.0}}, Bent(), "sample", "/observation/y", "gives 2 numbers"),
        ({"prior": {"shape": [2]}}, Classes(), "vector", "/prior/model", "gives='sample'"),
    ],
)
def test_networks_that_do_not_fit(body: dict[str, Any], module: nn.Module, gives: Any, pointer: str, says: str) -> None:
    name, inputs = uploaded(module, gives)
    (field,) = body
    named = {
        "condition": {"classifier": name},
        "reward": {"model": name},
        "observation": {"operator": {"type": "model", "model": name}},
        "prior": {"model": name},
    }
    spec = spec_of(**{field: {**named[field], **body[field]}})
    with pytest.raises(SpecError) as refused:
        KIND.check(spec, inputs)
    assert refused.value.pointer == pointer
    assert says in str(refused.value)
