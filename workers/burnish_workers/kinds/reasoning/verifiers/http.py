"""A process reward model behind HTTP: what are these prefixes worth?

    POST url   {"prompt": "1+1=", "inputs": [{"steps": ["so 2", "."], "finished": true}, ...], "model": "..."}
    200        {"values": [0.93, ...]}

One value for each input, in order, a number >= 0: tau of a finished text, and of an unfinished one a guess V of the
mean of tau over what may follow. `messages` stands for `prompt` where the problem is a conversation; `model` is left
out where the spec names none; with a noisy verifier every input has a `seed`, and its values of finished texts must be
right in the mean. Prefixes of many chains come in one request, at most `BATCH` of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.outbound.faults import Refused, ServerFault, excerpt
from burnish_workers.kinds.reasoning.outbound.link import Link
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.kinds.reasoning.protocols import Look, Prefix
from burnish_workers.kinds.reasoning.values import BadValue, named

BATCH = 64


@dataclass(frozen=True)
class RewardModel:
    """A verifier of texts.

    Attributes:
        url: where to post; the caller has judged it by `check_url`.
        asked: {"prompt": text} or {"messages": [...]}, what the steps answer.
        words: the texts of a prefix's steps, `Backend.words`.
        timeout: seconds that a request may take.
        at: JSON pointer of the URL, for errors.
    """

    url: str
    asked: Mapping[str, Any]
    words: Callable[[Prefix], list[str]]
    model: str | None = None
    timeout: float = 30.0
    noisy: bool = False
    at: str = "/verifier/url"

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        """log of the values. Raises BadValue for what is no value, SpecError and ServerFault as a backend does."""
        batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
        return [value for each in OUTBOUND.run(self._all(batches)) for value in each]

    async def _all(self, batches: Sequence[Sequence[Look]]) -> list[list[float]]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(rows)) for rows in batches]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _one(self, rows: Sequence[Look]) -> list[float]:
        body = {**self.asked, "inputs": [self._input(row) for row in rows]}
        if self.model is not None:
            body["model"] = self.model
        try:
            content = await Link(self.url).post("", body, self.timeout)
        except Refused as error:
            raise SpecError(self.at, f"the verifier {self.url} refuses the request ({error})") from None
        values = content.get("values") if isinstance(content, dict) else None
        if not isinstance(values, list) or len(values) != len(rows):
            found = f"{len(values)} values" if isinstance(values, list) else repr(excerpt(str(content)))
            what = f"gave {found} for {len(rows)} inputs"
            raise ServerFault(f'the verifier {self.url} {what}; it is to answer {{"values": [one for each]}}')
        return [self._log(row, value) for row, value in zip(rows, values, strict=True)]

    def _input(self, row: Look) -> dict[str, Any]:
        found: dict[str, Any] = {"steps": self.words(row.prefix), "finished": row.leaf}
        return {**found, "seed": row.source.bits() >> 10} if self.noisy else found

    def _log(self, row: Look, value: Any) -> float:
        sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if not sound:
            what = f"the verifier {self.url} gave {value!r} to {named(self.words(row.prefix), leaf=row.leaf)}"
            raise BadValue(f"{what}; values are numbers >= 0")
        return math.log(value) if value > 0 else -math.inf
