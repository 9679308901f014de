"""A model in memory: its trunk, its head, its value head. Loaded once for each process, whoever uses it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel
from burnish_workers.kinds.reasoning.backends.language.memory import Memory
from burnish_workers.kinds.reasoning.backends.language.registered import fingerprint

TOLERANCE = 1e-3
"""What logits may differ by, of the largest, between our passes and the model's own."""


@dataclass(frozen=True, eq=False)
class Weights:
    """`head`: hidden states (B, H) -> logits (B, V); `value`: w (H,) and b of V = sigmoid(w h + b), None where the
    model has none; `limits`: ids that the head has (V)."""

    model: LanguageModel
    fingerprint: str
    tokenizer: Any
    trunk: Any
    head: Callable[[Tensor], Tensor]
    value: tuple[Tensor, Tensor] | None
    layers: int
    width: int
    device: torch.device
    memory_name: str

    @property
    def dtype(self) -> torch.dtype:
        return next(self.trunk.parameters()).dtype

    def hidden(self, tokens: Tensor, positions: Tensor, mask: Tensor, memory: Memory) -> Tensor:
        """Last hidden states (R, q, H) of tokens (R, q) at `positions`; they see what `mask` (R, 1, q, length) says."""
        taken = {self.memory_name: memory.cache}
        found = self.trunk(
            input_ids=tokens, position_ids=positions, attention_mask=mask, use_cache=True, return_dict=True, **taken
        )
        return found.last_hidden_state

    def log_values(self, hidden: Tensor) -> list[float]:
        """log V of rows (B, H), in double precision. Raises where the model has no value head."""
        assert self.value is not None
        weight, bias = self.value
        return torch.nn.functional.logsigmoid((hidden.double() * weight).sum(1) + bias).tolist()


def _memory_name(trunk: Any) -> str:
    """What the trunk calls its memory: the name changed between versions of transformers."""
    names = inspect.signature(trunk.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


def load(model: LanguageModel, device: torch.device) -> Weights:
    """Raises SpecError for a model that cannot be loaded, or that our passes would run in another way than its own."""
    return _load(model, fingerprint(model), str(device))


@lru_cache(maxsize=4)
def _load(model: LanguageModel, known: str, device: str) -> Weights:
    """In single precision on a CPU, in that of the checkpoint on a GPU."""
    place = torch.device(device)
    dtype: Any = torch.float32 if place.type == "cpu" else "auto"
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.folder, local_files_only=True)
        whole: Any = AutoModelForCausalLM.from_pretrained(
            model.folder, local_files_only=True, dtype=dtype, attn_implementation="sdpa"
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise SpecError("/problem/model", f"{model.name!r} cannot be loaded: {error!s:.300}") from None
    whole = whole.to(place).eval().requires_grad_(False)
    config = whole.config.get_text_config()
    found = Weights(
        model=model,
        fingerprint=known,
        tokenizer=tokenizer,
        trunk=whole.base_model,
        head=whole.get_output_embeddings(),
        value=_value_head(model, config.hidden_size, place),
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        device=place,
        memory_name=_memory_name(whole.base_model),
    )
    _check(found, whole)
    return found


def _value_head(model: LanguageModel, width: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
    if model.value_head is None:
        return None
    try:
        parts = load_file(model.value_head)
    except (OSError, SafetensorError) as error:
        raise SpecError("/problem/model", f"the value head of {model.name!r} cannot be read: {error!s:.200}") from None
    shapes = {name: tuple(part.shape) for name, part in parts.items()}
    if shapes != {"weight": (1, width), "bias": (1,)}:
        what = f"weight (1, {width}) and bias (1,)"
        raise SpecError("/problem/model", f"the value head of {model.name!r} holds {shapes}; it should hold {what}")
    return parts["weight"][0].double().to(device), parts["bias"][0].double().to(device)


@torch.inference_mode()
def _check(weights: Weights, whole: Any) -> None:
    """Compare our passes, one token at a time through a memory of our own, with the model's own pass.

    Sliding windows, states that are no keys and values, logits that are scaled: whatever is different there is found.
    """
    name, length = weights.model.name, min(12, weights.model.context)
    tokens = torch.arange(length, device=weights.device)[None] * 7 % whole.config.get_text_config().vocab_size
    try:
        own = whole(input_ids=tokens, use_cache=False).logits[0]
        memory, places = Memory(1, length, weights.layers), torch.arange(length + 1, device=weights.device)
        rows = []
        for i in range(length):
            memory.write_at(torch.tensor([[i]], device=weights.device))
            mask = (places <= i)[None, None, None]
            at = torch.tensor([[i]], device=weights.device)
            rows.append(weights.hidden(tokens[:, i : i + 1], at, mask, memory)[:, 0])
        ours = torch.cat([weights.head(row) for row in rows])
    except (RuntimeError, TypeError, AttributeError, IndexError) as error:
        raise SpecError("/problem/model", f"{name!r} ({weights.model.architecture}): {error!s:.200}") from None
    worst = float((ours - own).abs().max() / own.abs().max().clamp_min(1.0))
    allowed = TOLERANCE if weights.dtype == torch.float32 else 0.1
    if not worst <= allowed:
        what = f"its logits differ by {worst:.1e} when it is run a token at a time with keys and values in memory"
        raise SpecError("/problem/model", f"{name!r} ({weights.model.architecture}) is not supported: {what}")
