"""A spec of kind `posterior` as numbers: prior, chain, factors of the target. Torch-free: the front checks requests
by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.files import ModelReference
from burnish.wire.specs.posterior import PosteriorSpec
from burnish.wire.specs.priors import MixturePrior, NamedPrior, ScoreNetwork
from burnish.wire.specs.targets import Formula, Inpaint, Network, Observation, RewardFormula
from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import near
from burnish_workers.kinds.posterior.arrays import array_of
from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.chains import chain_of
from burnish_workers.kinds.posterior.directory import Prior, PriorError
from burnish_workers.kinds.posterior.mixture import MixtureNumbers, mixture_of
from burnish_workers.kinds.posterior.operators import MOST_OBSERVED, LinearOperator, is_linear, operator_of
from burnish_workers.kinds.posterior.plan import FROM_NOISE
from burnish_workers.kinds.posterior.registered import registered_priors

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearObservation:
    """y = A x + noise of variance v: y and v (q,)."""

    operator: LinearOperator
    y: _Array
    variance: _Array

    @cached_property
    def matrix(self) -> _Array:
        """A, (q, d)."""
        return self.operator.build()


@dataclass(frozen=True, eq=False)
class NonlinearObservation:
    """y = H(x) + noise: expressions over x, or an uploaded network."""

    function: tuple[Expression, ...] | ModelReference
    y: _Array
    variance: _Array


@dataclass(frozen=True, eq=False)
class RewardNumbers:
    """exp(R(x)/tau)."""

    function: Expression | ModelReference
    temperature: float


@dataclass(frozen=True, eq=False)
class Setting:
    """What a job samples. `prior`: a mixture, a registered model, or an uploaded network with its card."""

    shape: tuple[int, ...]
    prior: MixtureNumbers | Prior | ScoreNetwork
    label: int | None
    chain: Chain
    observation: LinearObservation | NonlinearObservation | None
    reward: RewardNumbers | None
    classifier: tuple[ModelReference, int] | None

    @property
    def dim(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def linear(self) -> bool:
        """Whether a linear observation is all that the target asks."""
        return isinstance(self.observation, LinearObservation) and self.reward is None and self.classifier is None

    @property
    def black_box(self) -> bool:
        """Whether some factor is a network, whose derivatives cost as much as it does."""
        functions = [part.function for part in (self.observation, self.reward) if hasattr(part, "function")]  # pyright: ignore
        return any(isinstance(function, ModelReference) for function in functions) or self.classifier is not None


def setting_of(spec: PosteriorSpec, inputs: Inputs) -> Setting:
    """Raises SpecError where something is unknown or does not fit."""
    if spec.observation is None and spec.reward is None and spec.condition is None:
        what = "nothing to condition on: give an observation, a reward, a condition, or several of them"
        raise SpecError("", what)
    prior, shape, label = _prior(spec, inputs)
    dim = math.prod(shape)
    observation = None if spec.observation is None else _observation(spec.observation, shape, inputs)
    reward = None
    if spec.reward is not None:
        formula = isinstance(spec.reward, RewardFormula)
        function = (
            _expression(spec.reward.expression, dim, "/reward/expression", "scalar")  # pyright: ignore
            if formula
            else _network(spec.reward, dim, inputs, "/reward/model")  # pyright: ignore
        )
        if not formula and _given(spec.reward, inputs) != 1:  # pyright: ignore[reportArgumentType]
            raise SpecError(
                "/reward/model", "the network gives rows of numbers; a reward is one number for each sample"
            )
        reward = RewardNumbers(function, spec.reward.temperature)
    classifier = None
    if spec.condition is not None:
        pointer = "/condition/classifier"
        classifier = _network(spec.condition.classifier, dim, inputs, pointer), spec.condition.label
        classes = _given(spec.condition.classifier, inputs)
        if not spec.condition.label < max(classes, 2) or classes == 1:
            what = f"the network gives {classes} number{'s' if classes > 1 else ''} for each sample"
            raise SpecError(
                "/condition/label", f"{what}; a classifier gives the logits of its classes, 0 to classes - 1"
            )
    chain = chain_of(spec.chain, prior, spec.guidance.type, normal=start_of(spec) == "normal")
    return Setting(shape, prior, label, chain, observation, reward, classifier)


def start_of(spec: PosteriorSpec) -> str | None:
    """How the chain of a spec starts: `marginal` where that is known, unless said otherwise."""
    return spec.chain.start or ("normal" if spec.method in FROM_NOISE else None)


def _prior(
    spec: PosteriorSpec, inputs: Inputs
) -> tuple[MixtureNumbers | Prior | ScoreNetwork, tuple[int, ...], int | None]:
    given = spec.prior
    assert given is not None  # the door has seen to it
    if spec.guidance.type == "classifier_free" and not isinstance(given, NamedPrior):
        what = "classifier_free guidance needs a prior with classes, and this one has none"
        raise SpecError("/guidance/type", f"{what}; choose kalman, gradient or ensemble")
    if isinstance(given, MixturePrior):
        numbers = mixture_of(given.mixture, inputs)
        return numbers, (numbers.dim,), None
    if isinstance(given, ScoreNetwork):
        return _uploaded(given, inputs)
    return _named(given, spec)


def _uploaded(given: ScoreNetwork, inputs: Inputs) -> tuple[ScoreNetwork, tuple[int, ...], int | None]:
    shape = tuple(given.shape)
    found, dim = inputs.card(given).get("dim"), math.prod(shape)
    if found is not None and int(found) != dim:
        raise SpecError("/prior/shape", f"samples of shape {shape} have {dim} numbers, the network takes {found}")
    if found is not None and _given(given, inputs) != dim:
        raise SpecError("/prior/model", "the network does not give what it takes; export it with gives='sample'")
    return given, shape, given.label


def _named(given: NamedPrior, spec: PosteriorSpec) -> tuple[Prior, tuple[int, ...], int | None]:
    try:
        known = registered_priors()
    except PriorError as error:
        raise SpecError("/prior/name", str(error)) from None
    if given.name not in known:
        raise SpecError("/prior/name", near(given.name, known))
    prior = known[given.name]
    _check_label(prior, given.label, "/prior/label")
    if spec.guidance.label is not None:
        _check_label(prior, spec.guidance.label, "/guidance/label")
    if given.label is None and prior.classes > 0 and prior.null_class is None:
        raise SpecError(
            "/prior/label", f"{given.name} must be told a class: give a label from 0 to {prior.classes - 1}"
        )
    return prior, prior.shape, given.label


def _check_label(prior: Prior, label: int | None, pointer: str) -> None:
    if label is not None and label >= prior.classes:
        what = f"labels go from 0 to {prior.classes - 1}" if prior.classes else "it takes no labels"
        raise SpecError(pointer, f"{prior.name} has no class {label}: {what}")


def _observation(
    given: Observation, shape: tuple[int, ...], inputs: Inputs
) -> LinearObservation | NonlinearObservation:
    pointer, dim = "/observation/operator", math.prod(shape)
    if is_linear(given.operator):
        operator = operator_of(given.operator, shape, inputs, pointer)
        y = _observed(given, operator.rows, inputs)
        return LinearObservation(operator, y, _variance(given.sigma, len(y)))
    y = array_of(given.y, "/observation/y", inputs).reshape(-1)
    if len(y) > MOST_OBSERVED:
        raise SpecError("/observation/y", f"y has {len(y)} numbers, more than the {MOST_OBSERVED} of an observation")
    if isinstance(given.operator, Network):
        model = _network(given.operator, dim, inputs, f"{pointer}/model")
        if _given(model, inputs) != len(y):
            what = f"the network gives {_given(model, inputs)} numbers for each sample, y has {len(y)}"
            raise SpecError("/observation/y", what)
        return NonlinearObservation(model, y, _variance(given.sigma, len(y)))
    assert isinstance(given.operator, Formula)
    functions = _formulas(given.operator, dim, f"{pointer}/expression", len(y))
    return NonlinearObservation(functions, y, _variance(given.sigma, len(y)))


def _observed(given: Observation, rows: int, inputs: Inputs) -> _Array:
    """y, as many numbers as the operator gives."""
    y = array_of(given.y, "/observation/y", inputs)
    if y.size != rows:
        hint = ": those where the mask is 1, row by row" if isinstance(given.operator, Inpaint) else ""
        what = f"y has {y.size} numbers (shape {y.shape}), the operator {given.operator.type!r} gives {rows}{hint}"
        raise SpecError("/observation/y", what)
    return y.reshape(-1)


def _variance(sigma: float | list[float], count: int) -> _Array:
    each = np.ravel(np.asarray(sigma, dtype=np.float64))
    if len(each) not in (1, count):
        what = f"there are {len(each)} sigmas and {count} numbers in y; give one sigma, or one for each"
        raise SpecError("/observation/sigma", what)
    return np.broadcast_to(each**2, (count,)).copy()


def _formulas(operator: Formula, dim: int, pointer: str, count: int) -> tuple[Expression, ...]:
    if isinstance(operator.expression, str):
        found = _expression(operator.expression, dim, pointer, None)
        size = 1 if found.shape == "scalar" else dim
        if size != count:
            raise SpecError(pointer, f"the expression gives {size} numbers, y has {count}")
        return (found,)
    if len(operator.expression) != count:
        raise SpecError(pointer, f"there are {len(operator.expression)} expressions, y has {count} numbers")
    return tuple(_expression(text, dim, f"{pointer}/{i}", "scalar") for i, text in enumerate(operator.expression))


def _expression(text: str, dim: int, pointer: str, wanted: str | None) -> Expression:
    constants: Mapping[str, Any] = {"d": float(dim), "i": tuple(float(i) for i in range(1, dim + 1))}
    try:
        found = Expression.parse(text, {"x": "vector"}, sizes={"x": dim}, constants=constants)
    except ExpressionError as error:
        raise SpecError(pointer, str(error)) from None
    if wanted is not None and found.shape != wanted:
        raise SpecError(pointer, f"the expression gives a {found.shape}, a {wanted} is needed")
    return found


def _given(reference: ModelReference, inputs: Inputs) -> int:
    """How many numbers an uploaded network gives for each sample."""
    return int(inputs.card(reference).get("width", 1))


def _network(reference: ModelReference, dim: int, inputs: Inputs, pointer: str) -> ModelReference:
    found = inputs.card(reference).get("dim")
    if found is not None and int(found) != dim:
        raise SpecError(pointer, f"the network takes {found} numbers, samples have {dim}")
    return reference
