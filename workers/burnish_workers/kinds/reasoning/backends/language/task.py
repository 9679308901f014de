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
from burnish_workers.kinds.reasoning.checks import passes_by, read
from burnish_workers.kinds.reasoning.protocols import Look, Verifier
from burnish_workers.kinds.reasoning.verifiers.checked import Checked
from burnish_workers.kinds.reasoning.verifiers.combined import Combined
from burnish_workers.kinds.reasoning.verifiers.constant import Constant
from burnish_workers.kinds.reasoning.verifiers.reading import Reading
from burnish_workers.tensors.devices import resolve_device

ROUNDED = 64
"""Lengths of memories are multiples of this, so that jobs with prompts of like lengths share one."""

_DECODERS: weakref.WeakValueDictionary[tuple[str, str, int, int], Decoder] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class HeadValues:
    """Values of unfinished prefixes by the model's head."""

    backend: LanguageBackend
    noisy: bool = False

    def log_values(self, rows: Sequence[Look]) -> list[float]:
        return self.backend.log_values([row.prefix for row in rows])


def language_backend(setup: Setup, device: str, rows: int, *, values: bool = True) -> LanguageBackend:
    """Raises SpecError for what only the model can tell: its weights, its tokenizer, its size."""
    place = resolve_device(device)
    try:
        weights = load(setup.model, place)
        length = memory_length(setup, len(prompt_tokens(setup, weights.tokenizer)))
        return LanguageBackend(setup, decoder_of(weights, rows, length), values=values)
    except torch.OutOfMemoryError as error:
        raise SpecError("/problem/model", f"{setup.model.name!r} does not fit: {error!s:.200}") from None


def own_verifier(backend: LanguageBackend, reading: Reading) -> Verifier:
    """What a model brings along: on the way its value head, if it has one; at ends the check of its card, if any."""
    values, check = HeadValues(backend) if backend.valued else Constant(), backend.setup.model.check
    return values if check is None else Combined(values, Checked(passes_by(read(check)), reading))


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
