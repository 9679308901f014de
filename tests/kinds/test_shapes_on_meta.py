"""The paths that run on a GPU, on torch's `meta` device: shapes and devices without numbers.

What reads a value on the way (`.item()`, `bool(tensor)`, a copy to the processor), or leaves a tensor elsewhere, raises
there: on a GPU it would wait for the device, or fail.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import burnish
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import resolution_of
from burnish_workers.kinds.posterior import simulator as posterior
from burnish_workers.kinds.posterior.smc import IslandSampler
from burnish_workers.kinds.reasoning.backends.language.memory import Memory
from burnish_workers.kinds.reasoning.backends.language.registered import registered_models
from burnish_workers.kinds.reasoning.backends.language.weights import load
from burnish_workers.kinds.surrogate import simulator as surrogate
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.engines import with_engine
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.graph import load_model

from . import posteriors, surrogates

META = torch.device("meta")
BURGERS = {"name": "viscous-burgers", "dim": 20}
NETWORK = {"name": "viscous-burgers-pinn-d20"}
EXPRESSION = {"expression": "1.08/(2 + 0.4*(norm2(x) + 2*d*(0.3 - t)))"}
ROWS = 12


@pytest.mark.parametrize("outputs", [["value"], ["value", "gradient"]], ids="-".join)
@pytest.mark.parametrize(
    ("problem", "given", "method"),
    [
        (BURGERS, NETWORK, "linearised"),
        (BURGERS, NETWORK, "picard"),
        ({"name": "allen-cahn", "dim": 20}, EXPRESSION, "linearised"),
        ({"name": "allen-cahn", "dim": 20}, EXPRESSION, "martingale"),
        ({"name": "hjb-log", "dim": 20}, {"zero": True}, "plain"),
    ],
)
def test_samples_of_every_component_of_a_surrogate(
    problem: dict[str, Any], given: dict[str, Any], method: str, outputs: list[str]
) -> None:
    spec = surrogates.resolved(surrogates.spec_of(problem, given, np.zeros((3, 20)), method=method, outputs=outputs))
    simulator = surrogate.simulator_on(META, spec, NOTHING)
    t, x = torch.zeros(ROWS, device=META), torch.zeros(ROWS, 20, device=META)
    width = 1 if outputs == ["value"] else 21
    with torch.no_grad():
        found = {name: draw(t, x, torch_generator(Key(1), META)) for name, draw in simulator.samplers.items()}
        shown = simulator.outputs.surrogate(t, x)
    assert shown.device == META
    assert set(found) == set(simulator.composition.components)
    for name, drawn in found.items():
        assert drawn.device == META, name
        assert drawn.reshape(len(drawn), ROWS, -1).shape == (len(simulator.composition.measured(name)), ROWS, width)


@pytest.mark.parametrize("engine", ["forward", "nested", "hutchinson", "coordinates"])
def test_jets_of_an_uploaded_network(engine: str) -> None:
    net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
    field = with_engine(load_model(burnish.export(net, 4, inputs="xt").data, META), engine, 4)
    t, x = torch.zeros(ROWS, device=META), torch.zeros(ROWS, 4, device=META)
    diffusion = Diffusion(torch.tensor(0.25, device=META), "scalar")
    found = field.jet(t, x, torch.zeros_like(x), diffusion, torch_generator(Key(1), META))
    assert [tuple(part.shape) for part in (found.u, found.z, found.generated)] == [(ROWS,), (ROWS, 4), (ROWS,)]
    assert {part.device for part in (found.u, found.z, found.generated)} == {META}


MIXTURE: dict[str, Any] = {"prior": {"mixture": {"means": posteriors.MEANS, "variance": [0.5, 0.6, 0.7]}}}
DIGITS: dict[str, Any] = {"prior": {"name": "digits"}, "chain": {"steps": 4}}


@pytest.mark.parametrize("guidance", ["kalman", "gradient", "ensemble", "none"])
@pytest.mark.parametrize("more", [MIXTURE, DIGITS], ids=["mixture", "digits"])
def test_a_step_of_the_islands_of_a_posterior(more: dict[str, Any], guidance: str) -> None:
    dim = 64 if more is DIGITS else 2
    seen = {"operator": {"type": "matrix", "matrix": np.eye(dim)[:2].tolist()}, "y": [0.1, 0.2], "sigma": 0.5}
    spec = posteriors.resolved(posteriors.spec_of(**more, observation=seen, guidance={"type": guidance}))
    simulator = posterior.simulator_on(META, spec, NOTHING)
    sampler = simulator.sampler
    assert isinstance(sampler, IslandSampler)
    with torch.no_grad():
        people = sampler._begin([Key(1), Key(2)], 8)
        for k in range(sampler.chain.steps):
            sight = sampler.guide.look(k, people.x, sampler._shift(k, people), sampler._push_weights(k))
            sampler._weigh(k, people, sight)
            (sampler._move if k + 1 < sampler.chain.steps else sampler._finish)(k, people, sight)
    assert people.x.shape == (2, 8, dim)
    assert people.log_weight.shape == people.log_psi.shape == (2, 8)
    assert {people.x.device, people.log_weight.device, people.log_evidence.device} == {META}
    assert resolution_of(spec).micro_batch >= 1


@pytest.mark.parametrize("name", sorted(registered_models()))
def test_a_pass_of_the_trunk_of_a_language_model(name: str) -> None:
    """Two passes: one that begins the memory, one that goes on."""
    on_cpu = load(registered_models()[name], torch.device("cpu"))
    trunk, head = (copy.deepcopy(part).to(META) for part in (on_cpu.trunk, on_cpu.head))
    weights = replace(on_cpu, trunk=trunk, head=head, device=META)
    rows, length = 6, 16
    memory = Memory(rows, length, weights.layers)
    for at in range(2):
        places = torch.full((rows, 1), at, device=META)
        memory.write_at(places)
        mask = (torch.arange(length + 1, device=META) <= places)[:, None, None]
        hidden = weights.hidden(torch.zeros(rows, 1, dtype=torch.long, device=META), places, mask, memory)
    assert (hidden.shape, hidden.device) == ((rows, 1, weights.width), META)
    logits = weights.head(hidden[:, 0])
    assert (logits.shape, logits.device) == ((rows, head.out_features), META)
