"""What a job may be asked for by keyword, kind by kind. Fields that are left out are the service's to resolve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from burnish.specify import Prompt, Task
from burnish.wire import StoredFile
from burnish.wire.specs.reasoning import ReasoningMethod


class Common(TypedDict, total=False):
    """Of every kind."""

    level: float
    interval: Literal["stream", "fixed", "open", "bounded"]
    bounds: Sequence[float]
    simultaneous: bool
    seed: int
    extensible: bool
    weight: float
    metadata: Mapping[str, str]


class More(TypedDict, total=False):
    """What a job may be given to think longer."""

    seconds: float | None
    worker_seconds: float | None
    gpu_seconds: float | None
    units: int | None
    tokens: int | None
    verifier_calls: int | None
    abs_tol: float | None
    rel_tol: float | None
    deadline: str | None


class Surrogate(Common, total=False):
    """Of kind `surrogate`."""

    steps: int
    method: Literal["auto", "linearised", "martingale", "picard", "plain"]
    outputs: Sequence[Literal["value", "gradient"]]
    picard: Mapping[str, int]
    laplacian: Literal["auto", "forward", "nested", "hutchinson", "coordinates"]
    shrinkage: bool


class Posterior(Common, total=False):
    """Of kind `posterior`."""

    observation: Mapping[str, Any]
    reward: str | Mapping[str, Any] | StoredFile
    condition: Mapping[str, Any]
    chain: Mapping[str, Any]
    particles: int
    method: Literal["auto", "smc", "pimh", "urge", "fk_steering", "dps", "mcgdiff"]
    guidance: str | Mapping[str, Any]
    potential: str | Mapping[str, Any]
    resampling: str | Mapping[str, Any]
    outputs: Sequence[Literal["mean", "std", "quantiles", "log_evidence", "samples", "log_likelihood"]]
    quantiles: Sequence[float]
    dynamics: str | Mapping[str, Any]
    initial: Mapping[str, Any]
    observe: Mapping[str, Any]
    observations: Sequence[Any]
    expected: int
    filter: str | Mapping[str, Any]


class Reasoning(Common, total=False):
    """Of kind `reasoning`. Either `problem`, or `model` with `prompt` and perhaps the `url` of its server."""

    problem: Task
    model: str
    prompt: Prompt
    url: str
    verifier: str | Mapping[str, Any]
    method: ReasoningMethod
    beta: float
    ladder: Sequence[float]
    chains: int
    together: int
    pool: int
    particles: int
    max_steps: int
    answers: Sequence[str]
    most_answers: int
    early_stop: bool
