"""What a directory says of its language model: size of the vocabulary, context, end tokens, the card. JSON alone.

Read here, and not by transformers, so that the front can judge requests without torch.

    config.json  model*.safetensors  tokenizer.json  tokenizer_config.json     as save_pretrained writes them
    generation_config.json    optional: its end tokens count too
    value_head.safetensors    optional: `weight` (1, H), `bias` (1,), of V(s) = sigmoid(w h + b), h the trunk's last
                              hidden state behind the final norm at the last token of s
    card.json                 optional: summary, steps, answer, max_steps, check, prompts, calibration
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from burnish.wire.specs.language import AnswerRule, PatternAnswer, PlainAnswer, StepRule

VALUE_HEAD, CARD = "value_head.safetensors", "card.json"
MOST_STEPS = 16
"""T_max where neither the request nor the card says."""

_ANSWER: TypeAdapter[PatternAnswer | PlainAnswer] = TypeAdapter(AnswerRule)


class ModelError(ValueError):
    """A directory that cannot serve as a model; the message says which and why."""


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model in a Hugging Face directory.

    `context`: most tokens that it can hold, at most its sliding window; `ends`: token ids that end a text; `steps`,
    `answer`, `max_steps`, `check`: the card's, and what stands for them where it says nothing.
    """

    name: str
    folder: Path
    architecture: str
    context: int
    ends: frozenset[int]
    steps: StepRule
    answer: PatternAnswer | PlainAnswer
    max_steps: int
    check: dict[str, Any] | None
    card: dict[str, Any]

    @property
    def files(self) -> list[Path]:
        """All that decides what the model writes and how it is judged."""
        names = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", CARD}
        known = [self.folder / name for name in sorted(names)]
        return [path for path in known if path.exists()] + sorted(self.folder.glob("*.safetensors"))

    @property
    def value_head(self) -> Path | None:
        path = self.folder / VALUE_HEAD
        return path if path.exists() else None


def read_directory(name: str, folder: Path) -> LanguageModel:
    """The model that a directory holds. Raises ModelError."""
    try:
        return _read(name, folder)
    except ModelError as error:
        raise ModelError(f"language model {name!r} in {folder}: {error}") from None


def _read(name: str, folder: Path) -> LanguageModel:
    config = _json(folder, "config.json")
    _json(folder, "tokenizer.json")
    generation = _json(folder, "generation_config.json") if (folder / "generation_config.json").exists() else {}
    card = _json(folder, CARD) if (folder / CARD).exists() else {}
    _check_weights(folder)
    try:
        steps, answer = StepRule.model_validate(card.get("steps") or {}), card.get("answer") or {"type": "text"}
        rule = _ANSWER.validate_python(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"]))
        raise ModelError(f"{CARD}: {first['msg']} at {where!r}") from None
    architecture = str((config.get("architectures") or ["?"])[0])
    ends, check = _ends(config) | _ends(generation), card.get("check")
    most = _positive(card.get("max_steps", MOST_STEPS), f"{CARD}: max_steps")
    if check is not None and not (isinstance(check, dict) and isinstance(check.get("type"), str)):
        raise ModelError(f"{CARD}: check is {check!r:.60}; it must be an object with a type, or null")
    return LanguageModel(name, folder, architecture, _context(config), ends, steps, rule, most, check, card)


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text())
    except OSError:
        raise ModelError(f"there is no {name}; it must be a directory as save_pretrained writes it") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} is not JSON: {error!s:.100}") from None
    if not isinstance(found, dict):
        raise ModelError(f"{name} should hold an object, it holds a {type(found).__name__}")
    return found


def _check_weights(folder: Path) -> None:
    if any(path.name != VALUE_HEAD for path in folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl"))
    found = f"its weights are pickled ({pickled[0]}), which can run code" if pickled else "there are no weights"
    raise ModelError(f"{found}; save them with save_pretrained, which writes model.safetensors")


def _context(config: dict[str, Any]) -> int:
    """Tokens within which attention is whole and positions are turned as they always are."""
    config = config.get("text_config") or config
    name = next((name for name in ("max_position_embeddings", "n_positions") if name in config), None)
    if name is None:
        raise ModelError("config.json says nothing of the context (max_position_embeddings)")
    limits = [_positive(config[name], f"config.json: {name}")]
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        limits.append(_positive(config["sliding_window"], "config.json: sliding_window"))
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type")) == "longrope":
        # Beyond it all rows of a pass would be turned in another way as soon as one of them is.
        inner = rope.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
        limits.append(_positive(inner, "config.json: original_max_position_embeddings"))
    return min(limits)


def _ends(config: dict[str, Any]) -> frozenset[int]:
    found = config.get("eos_token_id")
    return frozenset(found if isinstance(found, list) else [] if found is None else [found])


def _positive(value: Any, what: str) -> int:
    if type(value) is not int or value < 1:
        raise ModelError(f"{what} is {value!r}; it must be a positive integer")
    return value
