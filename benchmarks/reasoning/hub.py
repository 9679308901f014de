"""its_hub side by side: its published algorithms drive our models, on the problems and budgets of `success.py`.

    pip install --no-deps its-hub==1.2.0        # anywhere; then, with that folder on PYTHONPATH:
    OMP_NUM_THREADS=1 python benchmarks/reasoning/hub.py

Its own classes, unchanged: ParticleFiltering, EntropicParticleFiltering, BeamSearch, BestOfN, SelfConsistency. Behind
its interfaces are our model (`Model`, each token counted as it is drawn) and our judge (`Judge`: the exact check at
ends, the value head elsewhere). What had to be adapted:

    steps        its StepGeneration ends a run one step after `max_steps`: it gets T_max - 1. It strips a stop token
                 from what it passes on, so that nothing could tell a finished text from an unfinished one: it is given
                 "<eos", which it finds in "<eos>" and does not strip
    temperature  1, its default is 0.8
    budget       its budget is N: as many as the tokens hold at 16 each; the tokens that were used are reported
    calls        LMOrchestrator(max_concurrency=-1): the default waits in threads, whose order would not be repeatable
    beams        4 wide; it begins with N/4 candidates and goes on with N

Reported: whether the answer that an algorithm gives at the end (`the_one`) is right.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from known import Candidate, Known, Pool, learn
from success import PROBLEMS, TASKS, interval

try:
    import its_hub.api as api  # pyright: ignore[reportMissingImports]
    from its_hub.core.algorithms import (  # pyright: ignore[reportMissingImports]
        beam_search,
        bon,
        particle_gibbs,
        self_consistency,
    )
    from its_hub.core.lms.step_generation import StepGeneration  # pyright: ignore[reportMissingImports]
    from its_hub.core.orchestrator import LMOrchestrator  # pyright: ignore[reportMissingImports]
except ImportError:
    raise SystemExit("its_hub is not there: pip install --no-deps its-hub==1.2.0, see --help of this script") from None

NAMES, WIDTH, TOKENS = ("dyck", "arithmetic"), 4, 16
END = "<eos"
SEEDS = 2


class Texts:
    """From texts, as its_hub passes them around, to steps of our backend. An end token is a word in the text."""

    def __init__(self, known: Known):
        self.known, self.tokenizer = known, known.weights.tokenizer

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(self.tokenizer.convert_ids_to_tokens(list(tokens)))

    def prefix(self, text: str) -> tuple[tuple[int, ...], ...]:
        """Its steps: a step ends behind a stop, behind an end token, or at its largest size."""
        tokens = self.tokenizer.convert_tokens_to_ids(re.findall(r"<\w+>|.", text, re.DOTALL))
        steps, law = list[tuple[int, ...]](), self.known.law
        step: tuple[int, ...] = ()
        for token in tokens:
            step = (*step, token)
            if token in law.ends or len(step) >= law.limit or law.closes(tuple(steps), step):
                steps, step = [*steps, step], ()
        return tuple(steps) if not step else (*steps, step)

    def finished(self, prefix: tuple[tuple[int, ...], ...]) -> bool:
        return len(prefix) >= self.known.depth or self.known.ends(prefix)


class Waiting:
    """What a run waits for."""

    def __init__(self, pool: Pool):
        self.pool = pool

    async def all(self, make: Sequence[Callable[[Callable[[Any], None]], Candidate]]) -> list[Any]:
        """Candidates by their makers, each of which takes what is to be called at the end."""
        future, found = asyncio.get_running_loop().create_future(), [None] * len(make)
        missing = len(make)

        def done(place: int) -> Callable[[Any], None]:
            def put(drawn: Any) -> None:
                nonlocal missing
                found[place], missing = drawn, missing - 1
                if not missing:
                    future.set_result(None)

            return put

        for i, each in enumerate(make):
            self.pool.take(each(done(i)))
        if make:
            await future
        return found


class Model(api.AbstractLanguageModel):
    """Our model behind its interface. `tokens`: generated so far."""

    def __init__(self, known: Known, pool: Pool, seed: tuple[int, ...]):
        self.known, self.texts, self.waiting, self.tokens = known, Texts(known), Waiting(pool), 0
        self.random = np.random.default_rng(seed)

    async def agenerate(self, messages: Any, stop: Any = None, **options: Any) -> Any:
        """The next step of each conversation."""
        single = not isinstance(messages[0], list)
        prefixes = [self._prefix(each) for each in ([messages] if single else messages)]
        found = [{"role": "assistant", "content": self.texts.text(step)} for step in await self._steps(prefixes)]
        return found[0] if single else found

    async def agenerate_single(self, messages: Any, stop: Any = None, **options: Any) -> Any:
        """A whole answer."""
        prefix = self._prefix(messages)
        while not self.texts.finished(prefix):
            prefix = (*prefix, *await self._steps([prefix]))
        return {"role": "assistant", "content": self.texts.text([token for step in prefix for token in step])}

    def _prefix(self, messages: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        return self.texts.prefix("".join(each.content for each in messages if each.role == "assistant"))

    async def _steps(self, prefixes: Sequence[tuple[tuple[int, ...], ...]]) -> list[tuple[int, ...]]:
        drawn = await self.waiting.all([self._maker(prefix) for prefix in prefixes])
        self.tokens += sum(each.tokens for each in drawn)
        return [each.step for each in drawn]

    def _maker(self, prefix: tuple[tuple[int, ...], ...]) -> Callable[[Callable[[Any], None]], Candidate]:
        stream = np.random.Generator(np.random.Philox(key=int(self.random.integers(0, 2**63))))
        return lambda done: Candidate(self.known, self.known.at(prefix), stream, prefix, False, done)


class Judge(api.AbstractProcessRewardModel, api.AbstractOutcomeRewardModel):
    """The value head for unfinished texts, the exact check for finished ones."""

    def __init__(self, known: Known, pool: Pool):
        self.known, self.texts, self.waiting = known, Texts(known), Waiting(pool)

    def score(self, *given: Any, **options: Any) -> Any:
        raise NotImplementedError("only the asynchronous interface is used")

    async def ascore(self, asked: Any, steps: Any = None, **options: Any) -> list[float]:
        """Of (prompt, texts), or of conversations that end with an answer."""
        texts = steps if steps is not None else [each[-1].content for each in asked]
        prefixes = [self.texts.prefix(text) for text in texts]
        inner = [each for each in prefixes if not self.texts.finished(each)]
        await self.waiting.all([self._maker(prefix) for prefix in inner])
        return [self._score(prefix) for prefix in prefixes]

    def _maker(self, prefix: tuple[tuple[int, ...], ...]) -> Callable[[Callable[[Any], None]], Candidate]:
        return lambda done: Candidate(self.known, self.known.at(prefix), None, prefix, True, done)

    def _score(self, prefix: tuple[tuple[int, ...], ...]) -> float:
        if self.texts.finished(prefix):
            return float(self.known.score(prefix) == 0)
        return float(np.exp(self.known.at(prefix).log_value))


def stepping(known: Known) -> Any:
    rule, common = known.service.setup.steps, {"temperature": 1.0, "stop_token": END}
    if rule.stops:
        kept = {"step_token": rule.stops[0], "include_stop_str_in_output": True}
        return StepGeneration(known.depth - 1, **kept, **common)
    return StepGeneration(known.depth - 1, tokens_per_step=rule.tokens, **common)


def _answer(texts: Texts) -> Callable[[str], str]:
    return lambda text: texts.known.answer(texts.prefix(text))


ALGORITHMS: dict[str, Callable[[Known, Judge], Any]] = {
    "ParticleFiltering": lambda known, judge: particle_gibbs.ParticleFiltering(stepping(known), judge),
    "EntropicParticleFiltering": lambda known, judge: particle_gibbs.EntropicParticleFiltering(stepping(known), judge),
    "BeamSearch": lambda known, judge: beam_search.BeamSearch(stepping(known), judge, WIDTH),
    "BestOfN": lambda known, judge: bon.BestOfN(judge, LMOrchestrator(max_concurrency=-1)),
    "SelfConsistency": lambda known, judge: self_consistency.SelfConsistency(
        _answer(judge.texts), orchestrator=LMOrchestrator(max_concurrency=-1)
    ),
}


async def _all(tasks: Sequence[Known], name: str, size: int, seed: int) -> list[tuple[bool, int]]:
    """All problems at once; laws are computed when none can go on without."""
    pool, models = Pool(), list[Model]()

    async def one(i: int, known: Known) -> bool:
        model, judge = Model(known, pool, (i, seed, size)), Judge(known, pool)
        models.append(model)
        result = await ALGORITHMS[name](known, judge).ainfer(model, known.prompt, size, return_response_only=False)
        return known.score(judge.texts.prefix(result.the_one["content"])) == 0

    running = [asyncio.ensure_future(one(i, known)) for i, known in enumerate(tasks)]
    while not all(each.done() for each in running):
        for _ in range(8):
            await asyncio.sleep(0)
        if pool.waiting:
            pool.compute()
    return [(each.result(), model.tokens) for each, model in zip(running, models, strict=True)]


def one(tasks: Sequence[Known], name: str, size: int, seed: int) -> Cell:
    random.seed(f"{name}-{size}-{seed}")
    np.random.seed(seed)  # noqa: NPY002 (what its_hub draws from)
    fresh, began = [(known, known.root) for known in tasks if known.root.ends is None], time.process_time()
    if fresh:
        learn(fresh)
    found = asyncio.run(_all(tasks, name, size, seed))
    seconds = time.process_time() - began
    return {"right": [right for right, _ in found], "tokens": [tokens for _, tokens in found], "cpu_seconds": seconds}


def rows(task: str, problems: int, seeds: int) -> list[Cell]:
    tasks, found = list[Known](), list[Cell]()

    def measured(name: str, size: int, seed: int) -> Cell:
        if not tasks:
            tasks.extend(TASKS[task].problems(problems))
        return one(tasks, name, size, seed)

    sizes = [budget // TOKENS for budget in TASKS[task].budgets]
    for name in ALGORITHMS:
        for size in sizes:
            if name == "BeamSearch" and size % WIDTH:
                continue
            keys = [f"{task}-{name}-{size}-{problems}-{seed}" for seed in range(seeds)]
            done = [cell("hub", key, lambda n=name, s=size, j=j: measured(n, s, j)) for j, key in enumerate(keys)]
            right, tokens = (np.mean([each[part] for each in done], axis=0) for part in ("right", "tokens"))
            row = {"task": task, "method": name, "N": size, "success": float(right.mean())}
            found.append({**row, "limits": interval(right), "tokens": float(tokens.mean())})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = [row for task in given.tasks for row in rows(task, given.problems, given.seeds)]
    for row in found:
        print(row)
    if given.problems == PROBLEMS:
        command = f"python benchmarks/reasoning/hub.py --seeds {given.seeds} --tasks {' '.join(given.tasks)}"
        publish("hub", command, found, problems=PROBLEMS, seeds=given.seeds, its_hub="1.2.0")


if __name__ == "__main__":
    main()
