"""From a spec to a base law and a verifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from burnish.wire.specs.language import ServerProblem
from burnish.wire.specs.reasoning import Branch, ReasoningSpec, SubsetSumProblem, TreeProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier
from burnish_workers.kinds.reasoning.backends.server.backend import server_backend
from burnish_workers.kinds.reasoning.protocols import Backend, Look, Verifier
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum

MOST_NODES, MOST_STEPS = 10_000, 64
"""Of an explicit tree."""


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
class Unjudged:
    """A verifier that finds all ends equally good: pi* is pi_ref."""

    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [0.0] * len(rows)


@dataclass(frozen=True)
class Task:
    """`answers`: all that there can be, where that is known; `replayable`: whether all randomness is the key's."""

    backend: Backend
    verifier: Verifier
    answers: frozenset[str] | None
    replayable: bool = True


def task_of(spec: ReasoningSpec) -> Task:
    """Raises SpecError."""
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        root = Node("", 1.0, problem.value, tuple(map(_node, problem.steps)))
        tree = TreeBackend(root, min(root.height, spec.max_steps or root.height))
        found = Task(tree, TreeVerifier(root), frozenset(_check(tree)))
    elif isinstance(problem, ServerProblem):
        return Task(server_backend(problem, spec.max_steps), Unjudged(), None, replayable=False)
    elif not isinstance(problem, SubsetSumProblem):
        raise SpecError("/problem/type", f"{problem.type!r} is not served yet")
    else:
        numbers = SubsetSum(tuple(problem.numbers), problem.target, problem.answer)
        if spec.max_steps not in (None, numbers.depth):
            what = f"is {spec.max_steps}; {len(problem.numbers)} numbers take {numbers.depth} steps"
            raise SpecError("/max_steps", f"{what}, leave it out")
        found = Task(numbers, numbers, None)
    return Task(found.backend, Constant(found.verifier), found.answers) if spec.verifier.type == "constant" else found


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
