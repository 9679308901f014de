"""pi_ref of a language model: steps of tokens, drawn for many prefixes at once by a decoder that others may share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from burnish_workers.kinds.reasoning.answers import answer_of
from burnish_workers.kinds.reasoning.backends.language.decoder import Decoder
from burnish_workers.kinds.reasoning.backends.language.rows import Law, Row, Ticket
from burnish_workers.kinds.reasoning.backends.language.setup import Setup
from burnish_workers.kinds.reasoning.backends.language.text import Script, prompt_tokens
from burnish_workers.kinds.reasoning.protocols import Drawn, Extension, Prefix

_REMEMBERED = 100_000


class LanguageBackend:
    """A step is a tuple of token ids, the stop or end token among them. `values`: those of nodes are wanted."""

    def __init__(self, setup: Setup, decoder: Decoder, *, values: bool = True):
        self.setup, self.decoder = setup, decoder
        tokenizer, problem = decoder.weights.tokenizer, setup.problem
        self.script = Script(tokenizer, setup.steps.stops)
        self.tokens = prompt_tokens(setup, tokenizer)
        self.law = Law(
            temperature=problem.temperature,
            top_p=problem.top_p,
            limit=setup.steps.tokens,
            depth=setup.depth,
            ends=setup.model.ends,
            closes=self.script.stops,
        )
        self.valued = values and decoder.weights.value is not None
        self._values = dict[Prefix, float]()

    @property
    def depth(self) -> int:
        return self.setup.depth

    def stream(self) -> LanguageStream:
        return LanguageStream(self)

    def extend(self, rows: Sequence[Extension]) -> list[list[Drawn]]:
        stream, found = self.stream(), dict[int, list[Drawn]]()
        tickets = [stream.submit(row) for row in rows]
        while len(found) < len(tickets):
            found.update(stream.advance())
        return [found[ticket] for ticket in tickets]

    def ends(self, prefix: Prefix) -> bool:
        return bool(prefix) and prefix[-1][-1] in self.law.ends

    def answer(self, prefix: Prefix) -> str:
        written = [words for words in self.words(prefix) if words.strip()]  # a last step may be an end token alone
        return answer_of(self.setup.answer, self.text(prefix), written[-1] if written else "")

    def words(self, prefix: Prefix) -> list[str]:
        return self.script.words(prefix)

    def text(self, prefix: Prefix) -> str:
        """All that was generated."""
        return self.script.text(prefix)

    def log_values(self, prefixes: Sequence[Prefix]) -> list[float]:
        """log V by the value head: most are known since the step was drawn, the others are visited."""
        missing = [prefix for prefix in dict.fromkeys(prefixes) if prefix not in self._values]
        found = {prefix: self._values[prefix] for prefix in prefixes if prefix in self._values}
        if missing:
            stream = self.stream()
            waiting = {stream.visit(prefix, found) for prefix in missing}
            while waiting:
                waiting -= {ticket for ticket, _ in stream.advance()}
        return [found[prefix] for prefix in prefixes]

    def note(self, prefix: Prefix, log_value: float) -> None:
        if len(self._values) >= _REMEMBERED:
            self._values.clear()
        self._values[prefix] = log_value


class LanguageStream:
    """Rows of one block on their way through the decoder."""

    def __init__(self, backend: LanguageBackend):
        self._backend, self._decoder = backend, backend.decoder
        self._prompt, self._count = self._decoder.prompt(backend.tokens), 0

    def submit(self, row: Extension) -> int:
        backend, ticket = self._backend, self._ticket(row.count)
        look = row.inner and backend.valued
        seeds = [row.source.bits() for _ in range(row.count)]
        randoms = [np.random.Generator(np.random.Philox(key=seed)) for seed in seeds]
        self._decoder.submit(
            [
                Row(ticket, i, self._prompt, row.prefix, backend.law, random, look, backend.note)
                for i, random in enumerate(randoms)
            ]
        )
        return ticket.number

    def visit(self, prefix: Prefix, found: dict[Prefix, float]) -> int:
        """Have the value of a prefix put into `found`."""

        def note(reached: Prefix, log_value: float) -> None:
            self._backend.note(reached, log_value)
            found[reached] = log_value

        ticket = self._ticket(0)
        self._decoder.submit([Row(ticket, 0, self._prompt, prefix, self._backend.law, None, True, note)])
        return ticket.number

    def advance(self) -> list[tuple[int, list[Drawn]]]:
        return self._decoder.advance(self)

    def close(self) -> None:
        self._decoder.cancel(self)

    def _ticket(self, count: int) -> Ticket:
        self._count += 1
        return Ticket(self._count, self, [None] * count, max(count, 1))
