"""From the numbers of a setting to what a sampler computes with: the factors of the target, and the guide. Imports
torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from burnish.wire.files import ModelReference
from burnish_workers.core.expression import Expression
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.posterior.guidance import (
    CalibratedGuide,
    ClassifierFreeGuide,
    Denoise,
    GradientGuide,
    Guide,
    Unguided,
)
from burnish_workers.kinds.posterior.model import Model
from burnish_workers.kinds.posterior.nonlinear import Function, NonlinearTerm, RewardTerm
from burnish_workers.kinds.posterior.plan import Recipe
from burnish_workers.kinds.posterior.problem import LinearObservation, RewardNumbers, Setting
from burnish_workers.kinds.posterior.spread import Spread
from burnish_workers.kinds.posterior.terms import LinearTerm, Term
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.networks import load_network


def terms_of(setting: Setting, recipe: Recipe, model: Model, inputs: Inputs) -> list[Term]:
    """The factors of the target. Only potential and inflation of the recipe matter: covariances are factorised at every
    step, so that samplers which differ in nothing but their guidance are to share them."""
    as_tensor = lambda a: torch.as_tensor(a, dtype=model.dtype, device=model.device)  # noqa: E731
    naive, found = recipe.potential == "naive", list[Term]()
    spreads = [spread.scaled(recipe.inflation) for spread in model.spreads]
    seen = setting.observation
    if isinstance(seen, LinearObservation):
        matrix, y, variance = (as_tensor(a) for a in (seen.matrix, seen.y, seen.variance))
        found.append(LinearTerm.of(matrix, y, variance, model.spreads, recipe.inflation, naive))
    elif seen is not None:
        function = _rows(_function(seen.function, model, inputs))
        y, variance = as_tensor(seen.y), as_tensor(seen.variance)
        found.append(NonlinearTerm(function, y, variance, spreads, 1.0, naive))
    if setting.reward is not None:
        found.append(_reward(setting.reward, model, spreads, inputs))
    if setting.classifier is not None:
        reference, label = setting.classifier
        logits = _function(reference, model, inputs)
        chance: Function = lambda x: torch.log_softmax(logits(x), dim=-1)[:, label]  # noqa: E731
        found.append(RewardTerm(chance, 1.0, spreads))
    return found


def _reward(reward: RewardNumbers, model: Model, spreads: list[Spread], inputs: Inputs) -> RewardTerm:
    inner = _function(reward.function, model, inputs)

    def value(x: Tensor) -> Tensor:
        found = inner(x)
        return found[:, 0] if found.ndim == 2 else found

    return RewardTerm(value, reward.temperature, spreads)


def _function(given: object, model: Model, inputs: Inputs) -> Function:
    """Expressions or an uploaded network as a function of samples, with outputs side by side."""
    if isinstance(given, Expression):
        call = lower(given)
        return lambda x: call({"x": x})
    if isinstance(given, tuple):
        calls = [lower(each) for each in given]
        if len(calls) == 1 and given[0].shape == "vector":
            return lambda x: calls[0]({"x": x})
        return lambda x: torch.stack([call({"x": x}) for call in calls], dim=-1)
    assert isinstance(given, ModelReference)
    return _network(inputs.model(given), inputs.card(given), model)


def _network(data: bytes, card: Mapping[str, Any], model: Model) -> Function:
    """An uploaded network, told t = 0: (rows, d) -> (rows, k), or (rows,) where it gives plain numbers."""
    if card.get("gives"):
        rows = load_network(data, model.device)
        return lambda x: rows(x.new_zeros(len(x)), x)
    field = load_model(data, model.device)
    return lambda x: field.value(x.new_zeros(len(x)).float(), x.float()).to(x.dtype)


def _rows(function: Function) -> Function:
    """The same with a second axis, also where it gives plain numbers."""

    def rows(x: Tensor) -> Tensor:
        found = function(x)
        return found[:, None] if found.ndim == 1 else found

    return rows


def guide_of(setting: Setting, recipe: Recipe, model: Model, terms: list[Term], label: int | None) -> Guide:
    denoise: Denoise = lambda x, k: model.denoise(x, k, setting.label)  # noqa: E731
    chain, strength = setting.chain, recipe.strength
    if recipe.guidance == "none":
        return Unguided(denoise, terms)
    if recipe.guidance == "gradient":
        return GradientGuide(denoise, terms, chain, strength)
    if recipe.guidance == "classifier_free":
        return ClassifierFreeGuide(denoise, lambda x, k: model.denoise(x, k, label), terms, chain, strength)
    return CalibratedGuide(denoise, terms, chain, strength, derivatives=recipe.guidance == "kalman")
