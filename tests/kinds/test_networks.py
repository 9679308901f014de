"""Uploaded networks that give samples, as denoisers do: exported, judged at the door, tried, run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import burnish
from burnish.exporting import ExportError
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.engine.probing import probe
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.denoisers import predicted
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.uploaded import GraphDenoiser
from burnish_workers.kinds.surrogate.problem import surrogate_of
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.networks import load_network

from .model_files import exported, with_graph

CPU = torch.device("cpu")
DIM = 4


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(DIM + 1, 24), nn.SiLU(), nn.LayerNorm(24), nn.Linear(24, DIM))
        self.classes = nn.Parameter(torch.randn(3, DIM))

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        known = (label[:, None] == torch.arange(3)).to(x.dtype)
        return self.body(torch.cat([t[:, None], x], 1)) + known @ self.classes


class Uses(nn.Module):
    def __init__(self, function: Callable[..., Tensor]):
        super().__init__()
        self.function = function

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.function(t, x)


def conditional() -> tuple[nn.Module, bytes]:
    torch.manual_seed(2)
    module = Conditional().eval()
    return module, burnish.export(module, DIM, inputs="x,t,label", gives="sample").data


def points(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    t, x = torch.rand(rows, generator=generator), torch.randn(rows, DIM, generator=generator)
    return t, x, torch.randint(-1, 3, (rows,), generator=generator)


def test_the_bits_of_the_module() -> None:
    module, data = conditional()
    network = load_network(data, CPU)
    assert (network.dim, network.labelled) == (DIM, True)
    for rows in (1, 2, 100):
        t, x, label = points(rows)
        with torch.no_grad():
            assert torch.equal(network(t, x, label), module(x, t, label))


def test_what_is_told_of_it() -> None:
    _, data = conditional()
    card = inspect_model(data).card
    assert (card["gives"], card["labels"], card["dim"]) == ("samples", True, DIM)
    verdict = probe(data)
    assert verdict.ok, verdict.message
    assert verdict.card["seconds_per_row"] > 0
    assert "gives" not in inspect_model(exported("tanh")).card


def test_labels_are_taken_or_not() -> None:
    _, data = conditional()
    t, x, label = points(5)
    with pytest.raises(ValueError, match="takes labels, and got none"):
        load_network(data, CPU)(t, x)
    plain = load_network(burnish.export(Uses(lambda t, x: x * t[:, None]), DIM, gives="sample").data, CPU)
    assert torch.equal(plain(t, x), x * t[:, None])
    with pytest.raises(ValueError, match="takes no labels, and got some"):
        plain(t, x, label)


WRONG = {
    "bad_gradient": lambda t, x: x + torch.where(x < 2.0, torch.sqrt(2.0 - x), 0.0),
    "bad_value": lambda t, x: torch.log(x + 0.999),
    "rows_interact": lambda t, x: x - x.mean(0),
}


@pytest.mark.parametrize("reason", sorted(WRONG))
def test_the_probe_refuses(reason: str) -> None:
    data = burnish.export(Uses(WRONG[reason]), DIM, gives="sample").data
    verdict = probe(data)
    assert (verdict.ok, verdict.reason) == (False, reason), verdict.message


def test_a_file_that_says_more_than_is_true_is_found_out() -> None:
    """The sizes that a file gives its output are only what it says."""

    def claim(program) -> None:
        graph = program["graph_module"]["graph"]
        output = program["graph_module"]["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"]
        sizes = graph["tensor_values"][output]["sizes"]
        sizes.append({"as_int": DIM})

    data = with_graph(exported("mixed"), claim)
    assert inspect_model(data).card["gives"] == "samples"
    verdict = probe(data)
    assert (verdict.ok, verdict.reason) == (False, "bad_value"), verdict.message


def test_labels_are_whole_numbers_and_for_samples_alone() -> None:
    _, data = conditional()

    def floats(program) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["label"]["dtype"] = 7

    def numbers(program) -> None:
        output = program["graph_module"]["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"]
        program["graph_module"]["graph"]["tensor_values"][output]["sizes"].pop()

    for change, said in ((floats, "labels must be int64"), (numbers, "takes labels; only one that gives samples")):
        with pytest.raises(ModelRejected, match=said) as refused:
            inspect_model(with_graph(data, change))
        assert refused.value.reason == "bad_signature"
    with pytest.raises(ValueError, match="only modules with gives='sample' may take labels"):
        burnish.export(Conditional(), DIM, inputs="x,t,label")
    with pytest.raises(ValueError, match="known: 'number', 'sample'"):
        burnish.export(Conditional(), DIM, gives="picture")  # pyright: ignore[reportArgumentType]


def test_a_sample_is_no_number_and_a_number_no_sample() -> None:
    _, data = conditional()
    with pytest.raises(ModelRejected, match=r"gives rows \(B, k\); a field gives numbers"):
        load_model(data, CPU)
    with pytest.raises(ModelRejected, match=r"gives numbers u \(B,\), not rows"):
        load_network(exported("tanh"), CPU)
    with pytest.raises(ExportError, match=r"does not take this module|shape"):
        burnish.export(Uses(lambda t, x: t), DIM, gives="sample")


def test_a_surrogate_refuses_a_denoiser() -> None:
    id = "sha256:" + "0" * 64
    body = {"kind": "surrogate", "problem": {"name": "hjb-log", "dim": DIM}, "points": [{"x": 0.0}]}
    spec = SurrogateSpec.model_validate({**body, "surrogate": {"model": id}, "budget": {"units": 1}})
    inputs = Inputs({id: inspect_model(conditional()[1]).card})
    with pytest.raises(SpecError, match="as denoisers and classifiers for the kind posterior do; a surr") as error:
        surrogate_of(spec, DIM, inputs)
    assert error.value.pointer == "/surrogate/model"


class Score(nn.Module):
    """What a network for the standard normal would predict as eps, at sigma = t and alpha = sqrt(1 - t^2): sigma x."""

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return t[:, None] * x


def test_as_a_denoiser_it_means_what_its_card_says() -> None:
    data = burnish.export(Score(), DIM, gives="sample").data
    denoiser = GraphDenoiser(load_network(data, CPU), (2, 2), "epsilon")
    t, x, _ = points(50)
    noise = Noise(torch.sqrt(1 - t**2), t, t)
    oracle = MixtureDenoiser(MixtureNumbers(np.ones(1), np.zeros((1, DIM)), np.ones((1, DIM)), None))
    wanted = oracle(x.double(), Noise(*(each.double() for each in (noise.alpha, noise.sigma, noise.time))))
    assert (denoiser(x, noise) - wanted).abs().max() < 1e-4
    assert torch.allclose(predicted(wanted, x.double(), noise, "epsilon").float(), t[:, None] * x, atol=1e-4)
    assert (denoiser.shape, denoiser.dtype) == ((2, 2), torch.float32)
    with pytest.raises(ValueError, match=r"shape \[3, 2\] have 6 coordinates, the network takes 4"):
        GraphDenoiser(denoiser.network, (3, 2), "epsilon")


def test_rows_without_a_class_are_told_so() -> None:
    module, data = conditional()
    denoiser = GraphDenoiser(load_network(data, CPU), (DIM,), "sample")
    t, x, _ = points(6)
    with torch.no_grad():
        assert torch.equal(denoiser(x, Noise(1 - t, t, t)), module(x, t, torch.full((6,), -1)))
