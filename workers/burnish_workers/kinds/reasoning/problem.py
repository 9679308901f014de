"""From a spec to a base law and a verifier; and, before anything is loaded, whether there can be such."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from burnish.wire.specs.language import LanguageProblem, ServerProblem
from burnish.wire.specs.reasoning import ReasoningSpec, SubsetSumProblem, TreeProblem
from burnish.wire.specs.verifiers import ConstantValues, HttpVerifier, ReasoningVerifier, ScoreFormula
from burnish_workers.core.estimator import Plan
from burnish_workers.core.kind import SpecError, resolution_of
from burnish_workers.kinds.reasoning.backends.enumerable import TreeVerifier
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel
from burnish_workers.kinds.reasoning.backends.language.registered import fingerprint, micro_batch
from burnish_workers.kinds.reasoning.backends.language.setup import Setup, setup_of
from burnish_workers.kinds.reasoning.backends.server.backend import server_backend
from burnish_workers.kinds.reasoning.protocols import Backend, Verifier
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum
from burnish_workers.kinds.reasoning.trees import ends_of, tree_of
from burnish_workers.kinds.reasoning.verifiers import Brings, Reading, admit, asked_of, verifier_of

MOST_TOGETHER = 8
"""Chains of a lane by default, where they share batches or wait for a server side by side."""

TREE = Brings(values=True, ends=True, fixed=True, name="a tree")
NUMBERS = Brings(values=True, ends=True, fixed=True, name="a subset sum")
SERVER = Brings(values=False, ends=False, fixed=False, name="the model of a server")


@dataclass(frozen=True)
class Outline:
    """What is known of a problem without running it, torch-free.

    `depth`: T_max; `brings`: what judges it by itself; `answers`: all that there can be, where that is known;
    `micro_batch`: rows of a forward pass of a model, 1 where there is none; `plan`: what else must be found again to
    replay a job; `replayable`: whether all randomness is the key's; `together`: chains of a lane by default.
    """

    depth: int
    brings: Brings
    answers: frozenset[str] | None = None
    micro_batch: int = 1
    plan: Plan = field(default_factory=Plan)
    replayable: bool = True
    together: int = 1


@dataclass(frozen=True)
class Task:
    """A base law and a verifier.

    `ceiling`: the largest score v of an end, where that is known; `shares`: whether its batches take rows of other jobs
    (`core.rendezvous`).
    """

    backend: Backend
    verifier: Verifier
    ceiling: float | None = None
    shares: bool = False


def outline_of(spec: ReasoningSpec) -> Outline:
    """Judge a problem and its verifier at the door. Raises SpecError."""
    found = _outline(spec)
    admit(spec.verifier, found.brings)
    return found


def _outline(spec: ReasoningSpec) -> Outline:
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        tree = tree_of(problem, spec.max_steps)
        return Outline(tree.depth, TREE, frozenset(ends_of(tree)[0]))
    if isinstance(problem, LanguageProblem):
        setup = setup_of(problem, spec.max_steps)
        plan: Plan = {"model": fingerprint(setup.model)}
        return Outline(setup.depth, _brought(setup), None, micro_batch(), plan, together=MOST_TOGETHER)
    if isinstance(problem, ServerProblem):
        depth = server_backend(problem, spec.max_steps).depth
        return Outline(depth, SERVER, replayable=False, together=MOST_TOGETHER)
    depth = _numbers(problem).depth
    if spec.max_steps not in (None, depth):
        what = f"is {spec.max_steps}; {len(problem.numbers)} numbers take {depth} steps"
        raise SpecError("/max_steps", f"{what}, leave it out")
    return Outline(depth, NUMBERS)


def task_of(spec: ReasoningSpec, device: str = "cpu") -> Task:
    """Of a spec that was judged; a resolved one where a model runs. Raises SpecError where only the model can tell."""
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        tree = tree_of(problem, spec.max_steps)
        return _judged(spec, tree, TreeVerifier(tree.root), TREE, math.log(ends_of(tree)[1]))
    if isinstance(problem, SubsetSumProblem):
        numbers = _numbers(problem)
        return _judged(spec, numbers, numbers, NUMBERS, 0.0)
    if isinstance(problem, LanguageProblem):
        return _language(spec, problem, device)
    backend = server_backend(problem, spec.max_steps)
    reading = Reading(lambda prefix: "".join(backend.words(prefix)), backend.words, asked_of(problem))
    verifier = verifier_of(spec.verifier, SERVER, None, reading)
    return Task(backend, verifier, None if _scored(spec.verifier) else 0.0)


def _scored(asked: ReasoningVerifier) -> bool:
    """Whether ends have scores without a known limit."""
    return isinstance(asked.ends, ScoreFormula | HttpVerifier)


def _judged(spec: ReasoningSpec, backend: Backend, own: Verifier, brings: Brings, ceiling: float) -> Task:
    """A problem that judges its ends by itself."""
    reading = Reading(lambda prefix: " ".join(backend.words(prefix)), backend.words)
    return Task(backend, verifier_of(spec.verifier, brings, own, reading), ceiling)


def _language(spec: ReasoningSpec, problem: LanguageProblem, device: str) -> Task:
    try:
        from burnish_workers.kinds.reasoning.backends.language.task import language_backend, own_verifier
    except ModuleNotFoundError as error:
        what = f"{error}; language models need it in every worker: pip install 'burnish-server[reasoning]'"
        raise SpecError("/problem/type", what) from None
    resolution = resolution_of(spec)
    setup = setup_of(problem, spec.max_steps)
    given, found = resolution.plan.get("model"), fingerprint(setup.model)
    if given != found:
        raise changed(setup.model, given)
    asked = spec.verifier
    headed = not isinstance(asked.values, ConstantValues | HttpVerifier)
    backend = language_backend(setup, device, resolution.micro_batch, values=headed)
    reading = Reading(backend.text, backend.words, asked_of(problem))
    verifier = verifier_of(asked, _brought(setup), own_verifier(backend, reading), reading)
    return Task(backend, verifier, None if _scored(asked) else 0.0, shares=True)


def _brought(setup: Setup) -> Brings:
    model = setup.model
    return Brings(
        values=model.value_head is not None,
        ends=model.check is not None,
        fixed=False,
        name=f"the model {model.name!r}",
    )


def changed(model: LanguageModel, given: object) -> SpecError:
    """The error for a job whose model is another one by now."""
    what = f"the job was resolved with {given!s:.12}..., the model {model.name!r} now has {fingerprint(model):.12}..."
    return SpecError("/resolution/plan/model", f"{what}; leave `resolution` out to have it resolved anew")


def _numbers(problem: SubsetSumProblem) -> SubsetSum:
    return SubsetSum(tuple(problem.numbers), problem.target, problem.answer)
