"""From a spec to a base law and a verifier."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from burnish.wire.specs.reasoning import Branch, ReasoningSpec, SubsetSumProblem, TreeProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend, TreeVerifier
from burnish_workers.kinds.reasoning.protocols import Backend, Verifier
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum
from burnish_workers.kinds.reasoning.verifiers import Brings, Reading, verifier_of

MOST_NODES, MOST_STEPS = 10_000, 64
"""Of an explicit tree."""


@dataclass(frozen=True)
class Task:
    """`answers`: all that there can be, where that is known; `ceiling`: the largest score v of an end, likewise."""

    backend: Backend
    verifier: Verifier
    answers: frozenset[str] | None
    ceiling: float | None = None


def task_of(spec: ReasoningSpec) -> Task:
    """Raises SpecError."""
    problem = spec.problem
    if isinstance(problem, TreeProblem):
        root = Node("", 1.0, problem.value, tuple(map(_node, problem.steps)))
        tree = TreeBackend(root, min(root.height, spec.max_steps or root.height))
        answers, most = _check(tree)
        found = Task(tree, TreeVerifier(root), frozenset(answers), math.log(most))
    elif not isinstance(problem, SubsetSumProblem):
        raise SpecError("/problem/type", f"{problem.type!r} is not served yet")
    else:
        numbers = SubsetSum(tuple(problem.numbers), problem.target, problem.answer)
        if spec.max_steps not in (None, numbers.depth):
            what = f"is {spec.max_steps}; {len(problem.numbers)} numbers take {numbers.depth} steps"
            raise SpecError("/max_steps", f"{what}, leave it out")
        found = Task(numbers, numbers, None, 0.0)
    reading = Reading(lambda prefix: " ".join(found.backend.words(prefix)), found.backend.words)
    brings = Brings(values=True, ends=True, fixed=True, name=_NAMES[problem.type])
    return replace(found, verifier=verifier_of(spec.verifier, brings, found.verifier, reading))


_NAMES = {"tree": "a tree", "subset_sum": "a subset sum"}


def _node(branch: Branch) -> Node:
    children = tuple(map(_node, branch.steps))
    return Node(branch.step, branch.chance, branch.value, children, branch.answer, branch.tokens)


def _check(tree: TreeBackend) -> tuple[set[str], float]:
    """The answers of a tree and its largest tau. Raises SpecError where it is too large or no end has a value."""
    ends, most, nodes, waiting = set[str](), 0.0, 0, [((), tree.root)]
    while waiting:
        prefix, node = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES or len(prefix) > MOST_STEPS:
            limits = f"{MOST_NODES:,} nodes and {MOST_STEPS} steps"
            raise SpecError("/problem/steps", f"the tree is larger than the {limits} that a request may hold")
        if prefix and (not node.children or len(prefix) == tree.depth):
            ends |= {tree.answer(prefix)} if node.value > 0 else set()
            most = max(most, node.value)
        elif node.value == 0:
            where = " > ".join(tree.words(prefix))
            raise SpecError("/problem/steps", f"the value of the unfinished path {where!r} is 0; give a positive guess")
        else:
            waiting += [((*prefix, (i,)), child) for i, child in enumerate(node.children)]
    if not ends:
        raise SpecError("/problem/steps", "every end of the tree has value 0: there is nothing to sample")
    return ends, most
