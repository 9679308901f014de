"""An explicit tree, from the request to what is sampled."""

from __future__ import annotations

from burnish.wire.specs.reasoning import Branch, TreeProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.enumerable import Node, TreeBackend

MOST_NODES, MOST_STEPS = 10_000, 64
"""Of an explicit tree."""


def tree_of(problem: TreeProblem, max_steps: int | None) -> TreeBackend:
    root = Node("", 1.0, problem.value, tuple(map(_node, problem.steps)))
    return TreeBackend(root, min(root.height, max_steps or root.height))


def _node(branch: Branch) -> Node:
    children = tuple(map(_node, branch.steps))
    return Node(branch.step, branch.chance, branch.value, children, branch.answer, branch.tokens)


def ends_of(tree: TreeBackend) -> tuple[set[str], float]:
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
