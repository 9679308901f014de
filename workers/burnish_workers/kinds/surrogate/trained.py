"""Trained surrogates that ship with the service: an architecture card beside a safetensors file. No torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("models")


@dataclass(frozen=True)
class TrainedModel:
    """A model of the catalogue: its name is the file name of its card."""

    name: str
    dim: int
    card: dict[str, Any]
    path: Path


@lru_cache(maxsize=1)
def trained_models() -> dict[str, TrainedModel]:
    """All cards of the `models` folder."""
    found: dict[str, TrainedModel] = {}
    for path in sorted(FOLDER.glob("*.json")):
        card = json.loads(path.read_text())
        found[path.stem] = TrainedModel(path.stem, int(card["dim"]), card, path)
    return found
