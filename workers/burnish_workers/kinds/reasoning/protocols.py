"""What a sampler of reasoning needs: a tree of prefixes that can be extended, and values of its nodes.

A step is a tuple of integers, the backend's own: token ids, bytes of text, branches of a tree. A prefix is a tuple of
steps. The base law pi_ref draws the next step of a prefix; a prefix that `ends`, or that has T_max steps, is a leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from burnish_workers.kinds.reasoning.source import Source

Step = tuple[int, ...]
Prefix = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Extension:
    """A row of a batch: draw `count` independent next steps of `prefix`, with this randomness and no other.

    `inner`: somebody will ask for the values of what is drawn, so that a backend that has them at hand may keep them.
    """

    prefix: Prefix
    count: int
    source: Source
    inner: bool = True


@dataclass(frozen=True, slots=True)
class Drawn:
    """A candidate step, and how many tokens were generated for it.

    `log_chance`: log pi_ref(step | prefix), None where the backend cannot tell. Only the method `power` asks for it.
    """

    step: Step
    tokens: int
    log_chance: float | None = None


class Backend(Protocol):
    """The base law pi_ref. One call may hold prefixes of different lengths, from many chains."""

    @property
    def depth(self) -> int:
        """T_max: a prefix of so many steps is a leaf whether it has ended or not."""
        ...

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        """For each row its independent draws from pi_ref( . | prefix): what a row gets may not depend on the others."""
        ...

    def ends(self, prefix: Prefix) -> bool:
        """Whether the last step ended the chain of reasoning."""
        ...

    def answer(self, prefix: Prefix) -> str:
        """What a leaf answers: leaves with the same answer are counted together."""
        ...

    def words(self, prefix: Prefix) -> list[str]:
        """The steps as people read them."""
        ...


class Stream(Protocol):
    """Rows on their way through a backend that decodes token by token: new ones may join at any time.

    What a row gets depends on nothing but itself, so it does not matter when it comes and who else is there.
    """

    def submit(self, row: Extension) -> int:
        """Take a row in; its ticket. All of its randomness is drawn here: `row.source` is not touched later."""
        ...

    def advance(self) -> list[tuple[int, list[Drawn]]]:
        """Go on a little: the rows that are finished by now, by their tickets. There must be some on their way."""
        ...

    def close(self) -> None:
        """Forget the rows that are still on their way."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A backend in which rows need not wait for each other."""

    def stream(self) -> Stream: ...


@runtime_checkable
class PromptedBackend(Protocol):
    """A backend that reads a prompt before it writes."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """The prompt."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """A row of a batch: what is `prefix` worth? `leaf`: nothing follows it. `source`: for verifiers that are noisy."""

    prefix: Prefix
    leaf: bool
    source: Source


class Verifier(Protocol):
    """Values of prefixes.

    At a leaf v(y), a score whose tilt is tau = exp(v/beta): 0 or -inf for an exact check. Elsewhere log V(s), a guess
    of log E[tau | s]: any finite number leaves the law of the answer as it is, a good one makes it come sooner.
    """

    @property
    def noisy(self) -> bool:
        """Whether a second look at the same prefix may see something else. E[tau] must then be right at leaves."""
        ...

    def log_values(self, rows: Sequence[Look]) -> list[float]: ...


def is_leaf(backend: Backend, prefix: Prefix) -> bool:
    return len(prefix) >= backend.depth or (len(prefix) > 0 and backend.ends(prefix))
