"""Everything that can be right behind a prompt of the Dyck task, with its exact chance under the model.

Only completions that balance the prompt have tau = 1, and there are at most some thousands of them, so that the chance
of success, the posterior and V* are sums over a list, whatever the size of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from burnish_workers.kinds.reasoning.dyck.task import GIVEN, LENGTH, TASK
from burnish_workers.kinds.reasoning.training.characters import BOS, EOS, vocabulary
from burnish_workers.kinds.reasoning.training.directory import Trained
from burnish_workers.kinds.reasoning.training.llama import padded, tokens_of

_CLOSES = {"(": ")", "[": "]"}
_ROWS = 1_024


@dataclass(frozen=True, eq=False)
class Truth:
    trained: Trained
    prompt: str

    @cached_property
    def chances(self) -> dict[str, float]:
        """pi_ref(text) of every text that balances the prompt; shorter ones than 16 are ended by <eos>."""
        known, texts = vocabulary(TASK.alphabet), completions(self.prompt)
        begin, end = known[BOS], known[EOS]
        rows = [[begin, *tokens_of(TASK, self.prompt + text)] for text in texts]
        rows = [row if len(row) == LENGTH + 1 else [*row, end] for row in rows]
        found = [float(np.exp(each)) for each in self._log_probabilities(rows)]
        return dict(zip(texts, found, strict=True))

    @property
    def success(self) -> float:
        """pi_ref(tau = 1)."""
        return sum(self.chances.values())

    @property
    def posterior(self) -> dict[str, float]:
        """pi*(text)."""
        return {text: chance / self.success for text, chance in self.chances.items()}

    def value(self, written: str) -> float:
        """V*(s) = E[tau | s] behind the text `written`: mass of right texts that begin so, over the mass of s."""
        known = vocabulary(TASK.alphabet)
        row = [known[BOS], *tokens_of(TASK, self.prompt + written)]
        mass = float(np.exp(self._log_probabilities([row])[0]))
        return sum(chance for text, chance in self.chances.items() if text.startswith(written)) / mass

    @torch.no_grad()
    def _log_probabilities(self, rows: list[list[int]]) -> list[float]:
        """log pi_ref of what follows the prompt in each row, in float64."""
        found: list[float] = []
        for at in range(0, len(rows), _ROWS):
            part = rows[at : at + _ROWS]
            ids = padded(part, 0)
            logs = self.trained.model(input_ids=ids[:, :-1], use_cache=False).logits.double().log_softmax(-1)
            each = logs.gather(-1, ids[:, 1:, None])[..., 0][:, GIVEN:].numpy()
            found += [float(row[: len(tokens) - 1 - GIVEN].sum()) for row, tokens in zip(each, part, strict=True)]
        return found


def completions(prompt: str) -> list[str]:
    """All texts of at most 16 characters that balance a prompt of 16."""
    opened: list[str] = []
    for character in prompt:
        if character in _CLOSES:
            opened.append(character)
        else:
            opened.pop()
    found, waiting = list[str](), [("", tuple(opened))]
    while waiting:
        text, left = waiting.pop()
        room = LENGTH - GIVEN - len(text)
        if not left:
            found.append(text)
        if left and len(left) <= room:
            waiting.append((text + _CLOSES[left[-1]], left[:-1]))
        if len(left) + 2 <= room:
            waiting += [(text + opening, (*left, opening)) for opening in _CLOSES]
    return found
