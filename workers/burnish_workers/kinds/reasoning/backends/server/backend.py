"""The backend: rows become requests that are out together, and their answers steps.

A server draws by randomness of its own. Seeds go along where it takes them, which keeps draws apart but makes nothing
reproducible: batches, kernels and restarts change bits. So jobs of such problems are not replayable, and say so. The
law stays what it is: every draw is fresh, also where a block is run twice (docs/decisions/0017).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from burnish.wire.specs.language import PlainAnswer, ServerProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.answers import answer_of, check_rule
from burnish_workers.kinds.reasoning.backends.server.asking import Asker, Call, Dialect
from burnish_workers.kinds.reasoning.backends.server.learning import blame, dialect_of
from burnish_workers.kinds.reasoning.backends.server.reading import drawn, read
from burnish_workers.kinds.reasoning.outbound.faults import Refused
from burnish_workers.kinds.reasoning.outbound.link import Link, patience
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Prefix
from burnish_workers.kinds.reasoning.texts import ended, text_of
from burnish_workers.outbound.allowed import check_url

DEPTH = 16
"""T_max where the spec does not say."""

TEXT = PlainAnswer(type="text")
"""What an answer is where the spec does not say."""

_SEED_BITS = 53
"""Of 63: more than these a number in JSON may lose."""


@dataclass(frozen=True)
class ServerBackend:
    """pi_ref is what the server draws: with its own defaults, and over texts that it cuts into tokens anew at each
    step. Nothing is asked before the first step is needed."""

    problem: ServerProblem
    depth: int
    _asker: Asker = field(init=False, repr=False, compare=False)
    _link: Link = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asker", Asker(self.problem))
        object.__setattr__(self, "_link", Link(self.problem.url.rstrip("/")))

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        """Raises SpecError where the server says that the request makes no sense, ServerFault where it is at fault."""
        dialect = dialect_of(self._asker, self._link)
        calls = [_calls(row, dialect) for row in rows]
        found = iter(OUTBOUND.run(self._all([call for each in calls for call in each], dialect)))
        return [[candidate for _ in each for candidate in next(found)] for each in calls]

    async def _all(self, calls: Sequence[Call], dialect: Dialect) -> list[list[Drawn]]:
        """All at once; the link bounds how many are out. The first error calls the others off."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(call, dialect)) for call in calls]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, call: Call, dialect: Dialect) -> list[Drawn]:
        body = self._asker.body(call, dialect)
        longest = patience(call.count * self._asker.rule.tokens)
        try:
            content = await self._link.post(self._asker.path, body, longest)
        except Refused as error:
            raise await blame(error, self._asker, self._link) from None
        return drawn(read(self._link.base, content, call.count), call.count, self._asker.rule.stops, dialect)

    def ends(self, prefix: Prefix) -> bool:
        return ended(prefix)

    def answer(self, prefix: Prefix) -> str:
        words = self.words(prefix)
        written = [each for each in words if each.strip()]  # a last step may be the end alone
        return answer_of(self.problem.answer or TEXT, "".join(words), written[-1] if written else "")

    def words(self, prefix: Prefix) -> list[str]:
        return [text_of(step) for step in prefix]


def _calls(row: Extension, dialect: Dialect) -> list[Call]:
    """The requests of a row: as many candidates in each as the server takes."""
    steps, left = tuple(map(text_of, row.prefix)), row.count
    found: list[Call] = []
    while left:
        count = min(left, dialect.most)
        found.append(Call(steps, count, row.source.bits() >> (63 - _SEED_BITS)))
        left -= count
    return found


def server_backend(problem: ServerProblem, max_steps: int | None) -> ServerBackend:
    """The backend of a problem, judged at the door: nothing is asked yet. Raises SpecError."""
    check_url(problem.url, "/problem/url")
    if problem.answer is not None:
        check_rule(problem.answer, "/problem/answer/pattern")
    if problem.messages is not None and problem.api == "completions":
        what = "messages need the model's chat template, which only its server has"
        raise SpecError("/problem/api", f"{what}: use api: chat, or give a prompt")
    return ServerBackend(problem, max_steps or DEPTH)
