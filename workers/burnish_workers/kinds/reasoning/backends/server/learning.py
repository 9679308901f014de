"""What a server understands, found out by asking it: once in each process, before the first step is drawn.

Servers ignore what they do not know, refuse it, or break on it; and they say nothing of it. So:

1. the request as it would be made, for many candidates of one token with all options; then for fewer, and without
   what it does not take;
2. where stops are not told, the likeliest text, and the same again with one of its characters as stop: does it stay?
3. where it stays (transformers serve), whether a generation_config is taken.

What is found is fixed for the life of the process: a way of asking that changed on the way would change pi_ref.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from burnish.retries import Retries
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.server.asking import Asker, Call, Dialect
from burnish_workers.kinds.reasoning.backends.server.reading import Reply, read
from burnish_workers.kinds.reasoning.outbound.faults import Refused, ServerFault
from burnish_workers.kinds.reasoning.outbound.link import Link, patience
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND

AT_MOST, FEWER = 16, 4
"""Candidates in one call, and where a server does not take so many."""

SHORT = 16
"""Tokens of a trial."""

_SEED = 20_240_601
_TRIALS = Retries(attempts=1, first=0.2)
_OPTIONS = (
    Dialect(most=AT_MOST),
    Dialect(most=FEWER),
    Dialect(),
    Dialect(seeds=False),
    Dialect(stops=False),
    Dialect(seeds=False, stops=False),
)
_known: dict[Any, Dialect] = {}
_learning: dict[Any, threading.Lock] = {}


def dialect_of(asker: Asker, link: Link) -> Dialect:
    """The dialect of the server of a problem. Raises SpecError and ServerFault."""
    problem = asker.problem
    key = (link.base, problem.model, problem.api, problem.continues, tuple(asker.rule.stops))
    with _learning.setdefault(key, threading.Lock()):
        if key not in _known:
            _known[key] = OUTBOUND.run(_Student(asker, link).learn())
        return _known[key]


def forget() -> None:
    """Ask anew: another server may listen there now."""
    _known.clear()


class _Student:
    def __init__(self, asker: Asker, link: Link):
        self._asker, self._link = asker, link

    async def learn(self) -> Dialect:
        dialect, reply = await self._options()
        dialect = replace(dialect, most=min(dialect.most, len(reply.choices)))  # it may ignore `n`, or bound it
        if dialect.stops and self._asker.rule.stops and not all(choice.told for choice in reply.choices):
            dialect = await self._stops(dialect)
        await self._continues(dialect)
        return dialect

    async def _options(self) -> tuple[Dialect, Reply]:
        """The first of `_OPTIONS` that the server takes. What the plainest request meets is not due to options."""
        link = self._link.patient(_TRIALS)
        for dialect in _OPTIONS:
            try:
                return dialect, await self._try(self._short(dialect), link)
            except (Refused, ServerFault) as error:
                if dialect == _OPTIONS[-1] or _hopeless(error):
                    raise await blame(error, self._asker, self._link) from None
        raise AssertionError("unreachable")

    def _short(self, dialect: Dialect) -> dict[str, Any]:
        body = self._asker.body(Call((), dialect.most, _SEED), dialect)
        return {**body, "max_tokens": 1 if dialect.most > 1 else min(SHORT, body["max_tokens"])}

    async def _stops(self, dialect: Dialect) -> Dialect:
        """Whether a stop text stays in the answer, by the likeliest text and one of its characters."""
        plain = {**self._short(replace(dialect, most=1)), "temperature": 0.0}
        plain.pop("stop")
        try:
            text = (await self._try(plain)).choices[0].text
            stop = next((each for each in reversed(text) if not each.isspace()), None)
            if stop is not None and stop in (await self._try({**plain, "stop": [stop]})).choices[0].text:
                return await self._configures(replace(dialect, keeps=True))
        except Refused as error:
            raise await blame(error, self._asker, self._link) from None
        if len(self._asker.rule.stops) > 1:
            what = f"the server {self._link.base} does not tell which of several texts stopped it"
            raise SpecError("/problem/steps/stops", f"{what}; give one")
        return dialect

    async def _configures(self, dialect: Dialect) -> Dialect:
        configured = replace(dialect, configures=True)
        try:
            await self._try(self._short(configured))
        except (Refused, ServerFault):
            return dialect
        return configured

    async def _continues(self, dialect: Dialect) -> None:
        """Whether a turn of the assistant can be continued, where that is asked for."""
        problem = self._asker.problem
        if problem.api != "chat" or problem.continues != "prefill":
            return
        body = self._asker.body(Call(("1",), 1, _SEED), dialect)
        try:
            await self._try({**body, "max_tokens": 1}, self._link.patient(_TRIALS))
        except (Refused, ServerFault) as error:
            what = f"the server {self._link.base} does not continue a turn of the assistant ({error})"
            raise SpecError("/problem/continues", f"{what}; use message, or api: completions") from None

    async def _try(self, body: dict[str, Any], link: Link | None = None) -> Reply:
        content = await (link or self._link).post(self._asker.path, body, patience(SHORT))
        return read(self._link.base, content, 1)


def _hopeless(error: Refused | ServerFault) -> bool:
    """Whether asking for less will not help: nobody is there, the key, the address or the model is wrong."""
    if isinstance(error, Refused):
        return error.status in (401, 403, 404)
    return error.status is None


async def blame(error: Refused | ServerFault, asker: Asker, link: Link) -> Exception:
    """The error to end a job with: what in the spec a refusal is about, and what to do."""
    if isinstance(error, ServerFault):
        return error
    server, problem = f"the server {link.base}", asker.problem
    if error.status in (401, 403):
        return SpecError("/problem/url", f"{server} lets nobody in without a key ({error}); its operator sets keys")
    known = await _models(link)
    if known is not None and problem.model not in known:
        names = ", ".join(known[:8]) or "none"
        return SpecError("/problem/model", f"{server} has no model {problem.model!r} ({error}); it has: {names}")
    if error.status in (404, 405):
        return SpecError("/problem/url", f"{server} has no {asker.path} ({error}); a URL ends with /v1 as a rule")
    return SpecError("/problem", f"{server} refuses the request ({error})")


async def _models(link: Link) -> list[str] | None:
    """The models of a server, None where it does not say."""
    try:
        found = await link.patient(_TRIALS).get("/models")
        return [str(each["id"]) for each in found["data"]]
    except (Refused, ServerFault, KeyError, TypeError):
        return None
