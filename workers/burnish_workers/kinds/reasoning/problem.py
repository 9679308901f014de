"""From a spec to a base law and a verifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from burnish.wire.specs.language import LanguageProblem
from burnish.wire.specs.reasoning import Branch, ReasoningSpec, SubsetSumProblem, TreeProblem
from burnish_workers.core.estimator import Plan
from burnish_workers.core.kind import SpecError, resolution_of
from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel
from burnish_workers.kinds.reasoning.backends.language.registered import fingerprint, micro_batch
from burnish_workers.kinds.reasoning.backends.language.setup import setup_of
from burnish_workers.kinds.reasoning.protocols import Backend, Look, Verifier
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum

MOST_NODES, MOST_STEPS = 10_000, 64
"""Of an explicit tree."""

MOST_TOGETHER = 8
"""Chains of a lane by default, where they share batches."""


@dataclass(frozen=True)
class Constant:
    """A verifier that knows ends alone."""

    exact: Verifier

    @property
    def noisy(self) -> bool:
        return self.exact.noisy

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        known = iter(self.exact.log_values([row for row in rows if row.leaf]))
        return [next(known) if row.leaf else 0.0 for row in rows]


@dataclass(frozen=True)
class Outline:
    """What is known of a problem without running it, torch-free.

    `depth`: T_max; `answers`: all that there can be, where that is known; `micro_batch`: rows of a forward pass of a
    model, 1 where there is none; `plan`: what else must be found again to replay a job.
    """

    depth: int
    answers: frozenset[str] | None = None
    micro_batch: int = 1
    plan: Plan = field(default_factory=Plan)

    @property
    def together(self) -> int:
        """Chains that share batches by default: they gain nothing where there are none."""
        return 1 if self.micro_batch == 1 else MOST_TOGETHER


@dataclass(frozen=True)
class Task:
    """A base law and a verifier. `shares`: whether its batches take rows of other jobs (`core.rendezvous`)."""

    backend: Backend
    verifier: Verifier
    shares: bool = False


def outline_of(spec: ReasoningSpec) -> Outline:
    """Judge a problem at the door. Raises SpecError."""
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        tree = _tree(problem, spec.max_steps)
        return Outline(tree.depth, frozenset(_check(tree)))
    if isinstance(problem, LanguageProblem):
        setup = setup_of(problem, spec.max_steps)
        return Outline(setup.depth, None, micro_batch(), {"model": fingerprint(setup.model)})
    if not isinstance(problem, SubsetSumProblem):
        raise SpecError("/problem/type", f"{problem.type!r} is not served yet")
    depth = _numbers(problem).depth
    if spec.max_steps not in (None, depth):
        what = f"is {spec.max_steps}; {len(problem.numbers)} numbers take {depth} steps"
        raise SpecError("/max_steps", f"{what}, leave it out")
    return Outline(depth)


def task_of(spec: ReasoningSpec, device: str = "cpu") -> Task:
    """Of a spec that was judged; a resolved one where a model runs. Raises SpecError where only the model can tell."""
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        tree = _tree(problem, spec.max_steps)
        found = Task(tree, TreeVerifier(tree.root))
    elif isinstance(problem, SubsetSumProblem):
        numbers = _numbers(problem)
        found = Task(numbers, numbers)
    elif isinstance(problem, LanguageProblem):
        found = _language(spec, problem, device)
    else:
        raise SpecError("/problem/type", f"{problem.type!r} is not served yet")
    return replace(found, verifier=Constant(found.verifier)) if spec.verifier.type == "constant" else found


def _language(spec: ReasoningSpec, problem: LanguageProblem, device: str) -> Task:
    from burnish_workers.kinds.reasoning.backends.language.task import language_task

    resolution = resolution_of(spec)
    setup = setup_of(problem, spec.max_steps)
    given, found = resolution.plan.get("model"), fingerprint(setup.model)
    if given != found:
        raise changed(setup.model, given)
    backend, verifier = language_task(setup, device, resolution.micro_batch, values=spec.verifier.type == "own")
    return Task(backend, verifier, shares=True)


def changed(model: LanguageModel, given: object) -> SpecError:
    """The error for a job whose model is another one by now."""
    what = f"the job was resolved with {given!s:.12}..., the model {model.name!r} now has {fingerprint(model):.12}..."
    return SpecError("/resolution/plan/model", f"{what}; leave `resolution` out to have it resolved anew")


def _tree(problem: TreeProblem, max_steps: int | None) -> TreeBackend:
    root = Node("", 1.0, problem.value, tuple(map(_node, problem.steps)))
    return TreeBackend(root, min(root.height, max_steps or root.height))


def _numbers(problem: SubsetSumProblem) -> SubsetSum:
    return SubsetSum(tuple(problem.numbers), problem.target, problem.answer)


def _node(branch: Branch) -> Node:
    children = tuple(map(_node, branch.steps))
    return Node(branch.step, branch.chance, branch.value, children, branch.answer, branch.tokens)


def _check(tree: TreeBackend) -> set[str]:
    """The answers of a tree. Raises SpecError where it is too large or no end has a value."""
    ends, nodes, waiting = set[str](), 0, [((), tree.root)]
    while waiting:
        prefix, node = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES or len(prefix) > MOST_STEPS:
            limits = f"{MOST_NODES:,} nodes and {MOST_STEPS} steps"
            raise SpecError("/problem/steps", f"the tree is larger than the {limits} that a request may hold")
        if prefix and (not node.children or len(prefix) == tree.depth):
            ends |= {tree.answer(prefix)} if node.value > 0 else set()
        elif node.value == 0:
            where = " > ".join(tree.words(prefix))
            raise SpecError("/problem/steps", f"the value of the unfinished path {where!r} is 0; give a positive guess")
        else:
            waiting += [((*prefix, (i,)), child) for i, child in enumerate(node.children)]
    if not ends:
        raise SpecError("/problem/steps", "every end of the tree has value 0: there is nothing to sample")
    return ends
