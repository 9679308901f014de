"""Continuous batches: rows of chains and jobs go through one model together, each at its own place in its own text.

Every pass has one shape: B rows of one token each, over a memory of fixed length. So the bits of a row do not depend on
who else is there, where it sits or when it came. A token is always fed alone, whether it is drawn or known: what a slot
still holds of an earlier row saves the pass, and changes nothing.

A slot keeps keys and values after its row has left. Going back to an earlier step is then no work at all: the keys and
values are there, and so is the hidden state that the next token is drawn from.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence

import torch
from torch import Tensor

from burnish_workers.core.rendezvous import HERE
from burnish_workers.kinds.reasoning.backends.language.memory import Memory
from burnish_workers.kinds.reasoning.backends.language.rows import Mark, Prompt, Row, Slot
from burnish_workers.kinds.reasoning.backends.language.sampling import tokens_of
from burnish_workers.kinds.reasoning.backends.language.weights import Weights
from burnish_workers.kinds.reasoning.protocols import Drawn

CHUNK = 32
"""Tokens of a prompt that are read in one pass."""

PROMPTS = 8
"""Prompts whose keys and values are kept."""

Finished = list[tuple[int, list[Drawn]]]


class Decoder:
    """`size`: B, rows of a pass; `length`: tokens that a row can hold, prompt included.

    `passes`: of one token for each row; `fed`: tokens that they took in; `reads`: passes over parts of prompts.
    """

    def __init__(self, weights: Weights, size: int, length: int):
        self.weights, self.size, self.length = weights, size, length
        self.passes = self.fed = self.reads = 0
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        """With nobody and nothing known."""
        weights = self.weights
        self._slots = [Slot(number) for number in range(self.size)]
        self._memory = Memory(self.size, self.length, weights.layers)
        self._hidden = torch.zeros(self.size, weights.width, dtype=weights.dtype, device=weights.device)
        self._range = torch.arange(self.length + 1, device=weights.device)
        self._prompts = OrderedDict[tuple[int, ...], Prompt]()
        self._waiting, self._finished = deque[Row](), defaultdict[object, Finished](list)
        self._clock, self._feeds = 0, True

    def prompt(self, tokens: tuple[int, ...]) -> Prompt:
        """Read a prompt, in parts of one size, unless it is known."""
        with self._lock:
            if tokens not in self._prompts:
                self._prompts[tokens] = self._read(tokens)
                if len(self._prompts) > PROMPTS:
                    self._prompts.popitem(last=False)
            self._prompts.move_to_end(tokens)
            return self._prompts[tokens]

    def submit(self, rows: Sequence[Row]) -> None:
        with self._lock:
            self._waiting.extend(rows)

    def advance(self, owner: object) -> Finished:
        """Go on by half a step, together with other jobs that have asked to; what is finished of this owner's."""
        return HERE.call(self, self._together, owner, 1)

    def cancel(self, owner: object) -> None:
        """Forget the rows of an owner."""
        with self._lock:
            self._waiting = deque(row for row in self._waiting if row.ticket.owner is not owner)
            self._finished.pop(owner, None)
            for slot in self._slots:
                if slot.row is not None and slot.row.ticket.owner is owner:
                    slot.fed = min(slot.fed, len(slot.row.path))
                    slot.row = None

    def _together(self, owners: Sequence[object]) -> list[Finished]:
        with self._lock, torch.inference_mode():
            try:
                if not any(self._finished.get(owner) for owner in owners):
                    self._half()
            except torch.OutOfMemoryError:
                # Half a pass has been done: whoever was here begins again. Fewer rows are for the engine to decide.
                self._begin()
                rows = f"{self.size} rows of {self.length:,} tokens of {self.weights.model.name!r}"
                raise torch.OutOfMemoryError(f"{rows} do not fit into the memory of {self.weights.device}") from None
            return [self._finished.pop(owner, []) for owner in owners]

    def _half(self) -> None:
        """Feed a token to every row that has one, or draw one for every row that has none, by turns."""
        while self._waiting and any(slot.row is None for slot in self._slots):
            self._seat(self._waiting.popleft())
        busy = [slot for slot in self._slots if slot.row is not None]
        feeding = [slot for slot in busy if slot.row is not None and slot.fed < slot.row.length]
        drawing = [slot for slot in busy if slot.row is not None and slot.fed == slot.row.length]
        if feeding and (self._feeds or not drawing):
            self._feed(feeding)
        elif drawing:
            self._draw(drawing)
        self._feeds = not self._feeds

    def _seat(self, row: Row) -> None:
        """Find a slot for a row: where most of its path is, and where nothing is lost."""
        self._clock += 1
        shared = [slot.shared(row) for slot in self._slots]
        free = [slot for slot in self._slots if slot.row is None]
        source = max(self._slots, key=lambda slot: (shared[slot.number], slot.row is None, -slot.fed))
        common, slot = shared[source.number], source
        if source.row is not None or source.fed > common + 1:
            slot = min(free, key=lambda each: (each.used, each.number))
        if slot is not source or common < 0:
            self._copy(slot, source, row, max(common, 0), known=common >= 0)
        source.used = slot.used = self._clock
        self._sit(slot, row, max(common, 0))

    def _copy(self, slot: Slot, source: Slot, row: Row, common: int, *, known: bool) -> None:
        read = len(row.prompt.tokens)
        if known:
            self._memory.take(slot.number, self._memory, source.number, read + common)
        else:
            self._memory.take(slot.number, row.prompt.memory, 0, read)
        slot.marks = {at: mark for at, mark in source.marks.items() if at <= common} if known else {}

    def _sit(self, slot: Slot, row: Row, common: int) -> None:
        slot.prompt, slot.steps, slot.row = row.prompt, row.prefix, row
        slot.marks = {at: mark for at, mark in slot.marks.items() if at <= common}
        mark = slot.mark(common)
        if common == len(row.path) and mark is None:
            common -= 1  # the hidden state behind its last token is not known: feed that token
        slot.fed = common
        row.begins_at(common)
        if common == len(row.path) and mark is not None:
            self._hidden[slot.number] = mark.hidden
            self._reach(slot, row, len(row.prefix), mark)

    def _feed(self, feeding: Sequence[Slot]) -> None:
        """One pass: a token of each of these rows."""
        device, tokens, at = self.weights.device, [0] * self.size, [self.length] * self.size
        for slot in feeding:
            assert slot.row is not None
            tokens[slot.number] = slot.row.token(slot.fed)
            at[slot.number] = len(slot.row.prompt.tokens) + slot.fed
        places = torch.tensor(at, device=device)[:, None]
        idle = places == self.length
        mask = (self._range <= places) & ((self._range == self.length) | ~idle) & (idle | (self._range < self.length))
        self._memory.write_at(places)
        given = torch.tensor(tokens, device=device)[:, None], places.masked_fill(idle, 0), mask[:, None, None]
        hidden = self.weights.hidden(*given, self._memory)[:, 0]
        self._hidden = torch.where(idle, self._hidden, hidden)
        self.passes, self.fed = self.passes + 1, self.fed + len(feeding)
        self._fed(feeding)

    def _fed(self, feeding: Sequence[Slot]) -> None:
        closing = list[tuple[Slot, Row, int]]()
        for slot in feeding:
            assert slot.row is not None
            slot.fed += 1
            steps = slot.row.closed.pop(slot.fed, None)
            if steps is not None:
                closing.append((slot, slot.row, steps))
        if closing:
            values = None if self.weights.value is None else self.weights.log_values(self._hidden)
            for slot, row, steps in closing:
                mark = Mark(self._hidden[slot.number].clone(), None if values is None else values[slot.number])
                slot.marks[slot.fed] = mark
                self._reach(slot, row, steps, mark)

    def _reach(self, slot: Slot, row: Row, steps: int, mark: Mark) -> None:
        """The row stands behind its first `steps` steps."""
        if mark.log_value is not None:
            row.note(row.whole[:steps], mark.log_value)
        if slot.fed == row.length and (row.drawn or row.random is None):
            self._leave(slot, row)

    def _draw(self, drawing: Sequence[Slot]) -> None:
        """A token for each of these rows, all of whose tokens were fed."""
        temperature, top_p, uniform = [1.0] * self.size, [1.0] * self.size, [0.0] * self.size
        for slot in drawing:
            assert slot.row is not None
            assert slot.row.random is not None
            temperature[slot.number], top_p[slot.number] = slot.row.law.temperature, slot.row.law.top_p
            uniform[slot.number] = slot.row.random.random()
        settings = torch.tensor([temperature, top_p, uniform], dtype=torch.float64, device=self.weights.device)
        found, chances = tokens_of(self.weights.head(self._hidden), *settings)
        tokens, log_chances = found.tolist(), chances.tolist()
        for slot in drawing:
            row = slot.row
            assert row is not None
            row.draw(tokens[slot.number], log_chances[slot.number])
            if row.drawn and not row.look:
                self._leave(slot, row)

    def _leave(self, slot: Slot, row: Row) -> None:
        slot.steps, slot.row = row.whole, None
        ticket = row.ticket
        if row.drawn:
            ticket.found[row.place] = Drawn(tuple(row.step), len(row.step), row.log_chance)
        ticket.missing -= 1
        if ticket.missing == 0:
            drawn = [each for each in ticket.found if each is not None]
            self._finished[ticket.owner].append((ticket.number, drawn))

    @torch.inference_mode()
    def _read(self, tokens: tuple[int, ...]) -> Prompt:
        device = self.weights.device
        memory = Memory(1, self.length, self.weights.layers)
        hidden: Tensor | None = None
        for start in range(0, len(tokens), CHUNK):
            part = list(tokens[start : start + CHUNK])
            at = list(range(start, start + len(part)))
            spare = CHUNK - len(part)
            places = torch.tensor([at + [self.length] * spare], device=device)
            memory.write_at(places)
            seen = torch.tensor([at + [0] * spare], device=device)
            mask = self._range <= seen[..., None]
            given = torch.tensor([part + [0] * spare], device=device)
            hidden = self.weights.hidden(given, seen, mask[:, None], memory)[0, len(part) - 1]
            self.reads += 1
        assert hidden is not None  # an empty prompt was refused
        values = None if self.weights.value is None else self.weights.log_values(hidden[None])
        return Prompt(tokens, memory, Mark(hidden.clone(), None if values is None else values[0]))
