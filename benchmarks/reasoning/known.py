"""The law of a language model, remembered: what follows each prefix is computed once for all methods and all runs.

Benchmarks count tokens, and thousands of runs on one problem meet the same prefixes over and over. So they draw from
laws that are kept in a tree for each problem, by the rule of the service's decoder: uniform numbers of a stream that
`source.bits()` seeds, the distribution function inverted in double precision. What is not known yet is computed for all
runs together, by passes over what was written behind the prompt. Equal seeds give the tokens that the decoder gives,
unless a uniform number lies within rounding of an end: tests/kinds/test_reasoning_benchmarks.py compares them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from transformers import DynamicCache

from burnish.wire.specs.language import LanguageProblem
from burnish_workers.kinds.reasoning.backends.language.backend import LanguageBackend
from burnish_workers.kinds.reasoning.backends.language.rows import Law
from burnish_workers.kinds.reasoning.backends.language.setup import setup_of
from burnish_workers.kinds.reasoning.backends.language.task import decoder_of, memory_length
from burnish_workers.kinds.reasoning.backends.language.text import prompt_tokens
from burnish_workers.kinds.reasoning.backends.language.weights import load
from burnish_workers.kinds.reasoning.checks import passes_by, read, score
from burnish_workers.kinds.reasoning.oracle import Oracle, rows_of
from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Look, Prefix
from burnish_workers.kinds.reasoning.requests import Asks, Judge, Work

BATCH = 1_024
"""Prefixes of a pass."""


class Node:
    """A text behind a prompt. `ends`: of the distribution function of the next token, None where not known yet;
    `log_value`: log V by the value head."""

    __slots__ = ("children", "ends", "log_value", "tokens")

    def __init__(self, tokens: tuple[int, ...]):
        self.tokens, self.children = tokens, dict[int, Node]()
        self.ends: list[float] | None = None
        self.log_value = math.nan

    def child(self, token: int) -> Node:
        found = self.children.get(token)
        if found is None:
            found = self.children[token] = Node((*self.tokens, token))
        return found

    def chance(self, token: int) -> float:
        assert self.ends is not None
        return (self.ends[token] - (self.ends[token - 1] if token else 0.0)) / self.ends[-1]

    def draw(self, uniform: float) -> int:
        assert self.ends is not None
        total = self.ends[-1]
        return bisect_right(self.ends, min(uniform * total, math.nextafter(total, 0.0)))


_ROOTS = dict[tuple[str, str], Node]()
"""Of all problems so far: a law does not depend on who judges."""


@dataclass(eq=False, slots=True)
class Candidate:
    """A step on its way. `random`: None where only the value of the prefix is wanted."""

    known: Known
    node: Node
    random: np.random.Generator | None
    prefix: Prefix
    look: bool
    done: Callable[[Drawn | None], None]
    step: list[int] = field(default_factory=list[int])
    log_chance: float = 0.0
    drawn: bool = False

    def go_on(self) -> bool:
        """As far as the laws are known; whether it came to its end."""
        while not self.drawn and self.random is not None:
            if self.node.ends is None:
                return False
            self._draw(self.node.draw(self.random.random()))
        if self.look and self.node.ends is None:
            return False
        self.done(Drawn(tuple(self.step), len(self.step), self.log_chance) if self.drawn else None)
        return True

    def _draw(self, token: int) -> None:
        law, step = self.known.law, self.step
        step.append(token)
        self.log_chance += math.log(self.node.chance(token))
        self.node = self.node.child(token)
        self.drawn = token in law.ends or len(step) >= law.limit or law.closes(self.prefix, step)
        if self.drawn:
            self.look = self.look and token not in law.ends and len(self.prefix) + 1 < law.depth


class Known:
    """A problem: its backend, for all that needs no pass, and what is known of its law. Verifier and backend at once.

    `valued`: by the value head of the model; else nothing is known before the end, V = 1.
    """

    noisy = False

    def __init__(self, model: str, prompt: str, *, valued: bool = True, top: int | None = None):
        problem = LanguageProblem(type="language", model=model, prompt=prompt)
        setup = setup_of(problem, top)
        self.weights = load(setup.model, torch.device("cpu"))
        length = memory_length(setup, len(prompt_tokens(setup, self.weights.tokenizer)))
        self.decoder = decoder_of(self.weights, 32, length)
        self.service = LanguageBackend(setup, self.decoder)
        self.law: Law = self.service.law
        self.prompt, self.valued = prompt, valued
        self.root = _ROOTS.setdefault((model, prompt), Node(()))
        assert setup.model.check is not None
        self._passes = passes_by(read(setup.model.check))
        self._scores, self._answers = dict[Prefix, float](), dict[Prefix, str]()

    @property
    def depth(self) -> int:
        return self.service.depth

    @cached_property
    def memory(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values (heads, P, d) of the prompt, by layers."""
        with torch.inference_mode():
            ids = torch.tensor([self.service.tokens])
            cache = DynamicCache()
            self.weights.trunk(input_ids=ids, use_cache=True, **{self.weights.memory_name: cache})
        return [(layer.keys[0], layer.values[0]) for layer in cache.layers]

    def ends(self, prefix: Prefix) -> bool:
        return self.service.ends(prefix)

    def words(self, prefix: Prefix) -> list[str]:
        return self.service.words(prefix)

    def answer(self, prefix: Prefix) -> str:
        if prefix not in self._answers:
            self._answers[prefix] = self.service.answer(prefix)
        return self._answers[prefix]

    def score(self, prefix: Prefix) -> float:
        """0 where the card's check passes, else -inf."""
        if prefix not in self._scores:
            self._scores[prefix] = score(self._passes(self.prompt, self.service.text(prefix)))
        return self._scores[prefix]

    def at(self, prefix: Prefix) -> Node:
        node = self.root
        for step in prefix:
            for token in step:
                node = node.child(token)
        return node

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return [self.score(row.prefix) if row.leaf else self._value(row.prefix) for row in rows]

    def _value(self, prefix: Prefix) -> float:
        if not self.valued:
            return 0.0
        node = self.at(prefix)
        assert node.ends is not None
        return node.log_value

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        """For one caller alone."""
        found, pool = [[None] * row.count for row in rows], Pool()
        for row, places in zip(rows, found, strict=True):
            for candidate in candidates(self, row, places):
                pool.take(candidate)
        while pool.waiting:
            pool.compute()
        return [[each for each in places if each is not None] for places in found]


def candidates(known: Known, row: Extension, places: list[Drawn | None]) -> list[Candidate]:
    """The candidates of a row; what is drawn goes to its place."""
    node, seeds = known.at(row.prefix), [row.source.bits() for _ in range(row.count)]
    look = row.inner and known.valued

    def put(place: int) -> Callable[[Drawn | None], None]:
        return lambda drawn: places.__setitem__(place, drawn)

    return [
        Candidate(known, node, np.random.Generator(np.random.Philox(key=seed)), row.prefix, look, put(i))
        for i, seed in enumerate(seeds)
    ]


class Pool:
    """Candidates that wait for laws, of any problems of one model. `computed`: laws so far."""

    def __init__(self) -> None:
        self.waiting, self.computed = dict[Node, list[Candidate]](), 0

    def take(self, candidate: Candidate) -> None:
        if not candidate.go_on():
            self.waiting.setdefault(candidate.node, []).append(candidate)

    def compute(self) -> None:
        """All laws that are waited for; their candidates go on."""
        waiting, self.waiting = self.waiting, {}
        nodes = sorted(waiting, key=lambda node: len(node.tokens) + len(waiting[node][0].known.service.tokens))
        for start in range(0, len(nodes), BATCH):
            part = nodes[start : start + BATCH]
            learn([(waiting[node][0].known, node) for node in part])
        self.computed += len(nodes)
        for node in nodes:
            for candidate in waiting[node]:
                self.take(candidate)


def learn(pairs: Sequence[tuple[Known, Node]]) -> None:
    """Laws of nodes, those of prompts of one length in one pass."""
    by_length = dict[int, list[tuple[Known, Node]]]()
    for known, node in pairs:
        by_length.setdefault(len(known.service.tokens), []).append((known, node))
    for part in by_length.values():
        _learn(part)


@torch.inference_mode()
def _learn(pairs: Sequence[tuple[Known, Node]]) -> None:
    """One pass over the texts behind the prompts, each read off behind its last token."""
    weights, prompt = pairs[0][0].weights, len(pairs[0][0].service.tokens)
    texts = [node.tokens or known.service.tokens[-1:] for known, node in pairs]
    roots = [not node.tokens for _, node in pairs]
    length, seen = max(map(len, texts)), prompt - 1 if any(roots) else prompt
    if any(roots) and not all(roots):
        raise ValueError("laws of whole prompts are learnt by themselves")
    ids = torch.tensor([[*text, *[0] * (length - len(text))] for text in texts])
    memory = DynamicCache()
    for layer in range(weights.layers):
        keys, values = zip(*(known.memory[layer] for known, _ in pairs), strict=True)
        memory.update(torch.stack(keys)[:, :, :seen], torch.stack(values)[:, :, :seen], layer)
    at = torch.arange(seen, seen + length)[None].expand(len(texts), -1)
    taken = {weights.memory_name: memory}
    hidden = weights.trunk(input_ids=ids, position_ids=at, use_cache=True, **taken).last_hidden_state
    last = hidden[torch.arange(len(texts)), torch.tensor([len(text) - 1 for text in texts])]
    logits = weights.head(last).double()
    ends = (logits - logits.amax(1, keepdim=True)).exp().cumsum(1).tolist()
    found = weights.log_values(last) if weights.value is not None else [0.0] * len(texts)
    for (_, node), law, value in zip(pairs, ends, found, strict=True):
        node.ends, node.log_value = law, value


@dataclass(eq=False)
class Going:
    """The work of one run, as far as it has come."""

    known: Known
    oracle: Oracle
    work: Work[None]
    asks: Asks = ()
    found: list[list[Drawn | None]] = field(default_factory=list[list[Drawn | None]])
    missing: int = 0

    def go_on(self, pool: Pool) -> bool:
        """Until laws are missing; False where it has come to its end."""
        try:
            asks = next(self.work) if not self.asks else self.work.send(self._replies())
        except StopIteration:
            return False
        self.asks, rows = asks, rows_of(asks)
        self.found = [[None] * row.count for row in rows]
        candidates_ = [
            c for row, places in zip(rows, self.found, strict=True) for c in candidates(self.known, row, places)
        ]
        visits = [self._visit(ask.prefix) for ask in asks if isinstance(ask, Judge) and self.known.valued]
        self.missing = len(candidates_) + len(visits)
        for each in [*candidates_, *visits]:
            each.done = self._counted(each.done)
            pool.take(each)
        return True

    def _visit(self, prefix: Prefix) -> Candidate:
        return Candidate(self.known, self.known.at(prefix), None, prefix, True, lambda drawn: None)

    def _counted(self, done: Callable[[Drawn | None], None]) -> Callable[[Drawn | None], None]:
        def counted(drawn: Drawn | None) -> None:
            done(drawn)
            self.missing -= 1

        return counted

    def _replies(self):
        return self.oracle.reply(self.asks, [[each for each in row if each is not None] for row in self.found])


def drive(runs: Iterable[tuple[Known, Oracle, Work[None]]]) -> int:
    """All runs to their ends; how many laws had to be computed."""
    going, pool = [Going(*run) for run in runs], Pool()
    fresh = {id(each.known): each.known for each in going if each.known.root.ends is None}
    if fresh:
        learn([(known, known.root) for known in fresh.values()])
    while going:
        going = [each for each in going if _until_blocked(each, pool)]
        if pool.waiting:
            pool.compute()
    return pool.computed


def _until_blocked(run: Going, pool: Pool) -> bool:
    while not run.missing:
        if not run.go_on(pool):
            return False
    return True
