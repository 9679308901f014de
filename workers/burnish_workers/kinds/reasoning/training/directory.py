"""Model directories in the layout of Hugging Face, with a value head and a card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaForCausalLM

from burnish_workers.kinds.reasoning.training.characters import tokenizer
from burnish_workers.kinds.reasoning.training.task import TrainingTask

HEAD, CARD = "value_head.safetensors", "card.json"


@dataclass(frozen=True)
class Trained:
    """A model and its value head: `weight` (1, H), `bias` (1,)."""

    model: LlamaForCausalLM
    head: dict[str, Tensor]


def write(trained: Trained, task: TrainingTask, card: dict[str, Any], folder: Path) -> None:
    """config.json, model.safetensors, the tokenizer's files, value_head.safetensors and card.json."""
    folder.mkdir(parents=True, exist_ok=True)
    trained.model.save_pretrained(folder)
    tokenizer(task.alphabet, task.shape.context).save_pretrained(folder)
    save_file(trained.head, folder / HEAD)
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n")


def read(folder: Path) -> Trained:
    """The inverse of `write`, without its card. Raises OSError where something is missing."""
    model: Any = LlamaForCausalLM.from_pretrained(folder, local_files_only=True)
    return Trained(model.eval(), load_file(folder / HEAD))
