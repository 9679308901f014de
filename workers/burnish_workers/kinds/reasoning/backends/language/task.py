"""A language problem as a base law and a verifier: the part that needs torch."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.language.backend import LanguageBackend
from burnish_workers.kinds.reasoning.backends.language.decoder import Decoder
from burnish_workers.kinds.reasoning.backends.language.setup import Setup
from burnish_workers.kinds.reasoning.backends.language.text import prompt_tokens
from burnish_workers.kinds.reasoning.backends.language.weights import Weights, load
from burnish_workers.kinds.reasoning.checks import judge
from burnish_workers.kinds.reasoning.protocols import Look
from burnish_workers.tensors.devices import resolve_device

ROUNDED = 64
"""Lengths of memories are multiples of this, so that jobs with prompts of like lengths share one."""

_DECODERS: weakref.WeakValueDictionary[tuple[str, str, int, int], Decoder] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class LanguageVerifier:
    """What a model brings along: its value head for unfinished prefixes, the check of its card for ends.

    A model without a head knows nothing on the way, log V = 0; one without a check takes all ends for equal.
    """

    backend: LanguageBackend
    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        inner = [row.prefix for row in rows if not row.leaf]
        known = iter(self.backend.log_values(inner) if self.backend.valued else [0.0] * len(inner))
        return [self._judged(row) if row.leaf else next(known) for row in rows]

    def _judged(self, row: Look) -> float:
        setup = self.backend.setup
        if setup.model.check is None:
            return 0.0
        return judge(setup.model.check, setup.asked, self.backend.text(row.prefix))


def language_task(
    setup: Setup, device: str, rows: int, *, values: bool = True
) -> tuple[LanguageBackend, LanguageVerifier]:
    """Raises SpecError for what only the model can tell: its weights, its tokenizer, its size."""
    place = resolve_device(device)
    try:
        weights = load(setup.model, place)
        length = memory_length(setup, len(prompt_tokens(setup, weights.tokenizer)))
        backend = LanguageBackend(setup, decoder_of(weights, rows, length), values=values)
    except torch.OutOfMemoryError as error:
        raise SpecError("/problem/model", f"{setup.model.name!r} does not fit: {error!s:.200}") from None
    return backend, LanguageVerifier(backend)


def memory_length(setup: Setup, prompt: int) -> int:
    """Tokens that a row must hold, rounded up, within the model's context."""
    return min(-(-(prompt + setup.longest) // ROUNDED) * ROUNDED, setup.model.context)


def decoder_of(weights: Weights, rows: int, length: int) -> Decoder:
    """The decoder that all jobs of one model and shape share in this process."""
    key = (weights.fingerprint, str(weights.device), rows, length)
    found = _DECODERS.get(key)
    if found is None:
        found = _DECODERS[key] = Decoder(weights, rows, length)
    return found
