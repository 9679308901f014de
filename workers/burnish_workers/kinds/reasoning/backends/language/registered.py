"""Language models by name: shipped ones, and the directories of BURNISH_LANGUAGE_MODELS. JSON alone, no torch.

    BURNISH_LANGUAGE_MODELS=small=/models/small,large=/models/large

The service and every worker read the same variable and must find the same directories under it.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from burnish.wire import CatalogueEntry
from burnish_workers.core.named_folders import named_folders
from burnish_workers.core.registry import near
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel, ModelError, read_directory

VARIABLE = "BURNISH_LANGUAGE_MODELS"
ROWS, MICRO_BATCH = "BURNISH_LANGUAGE_ROWS", 32
"""Rows of a forward pass, written into the resolution of a job: the variable, and what holds without it."""

SHIPPED = Path(__file__).parents[2] / "models"


def registered_models() -> dict[str, LanguageModel]:
    """All models by name. Raises ModelError for a variable or a directory that makes no sense."""
    return models_of(os.environ.get(VARIABLE, ""))


def model_named(name: str) -> LanguageModel:
    """Raises ModelError; for an unknown name it lists the known ones."""
    known = registered_models()
    if name not in known:
        hint = f"the operator registers models by {VARIABLE}"
        raise ModelError(
            f"{near(name, known)}; {hint}" if known else f"there is no {name!r}: {hint}, and none is there"
        )
    return known[name]


@lru_cache(maxsize=8)
def models_of(setting: str) -> dict[str, LanguageModel]:
    """The shipped models and those of a setting like `VARIABLE`'s. Raises ModelError."""
    found = sorted(SHIPPED.iterdir()) if SHIPPED.exists() else []
    shipped = {folder.name: folder for folder in found if (folder / "config.json").exists()}
    try:
        folders = named_folders(VARIABLE, setting, shipped, "small")
    except ValueError as error:
        raise ModelError(str(error)) from None
    return {name: read_directory(name, folder) for name, folder in folders.items()}


def micro_batch() -> int:
    """Rows of a pass of new jobs. Raises ModelError."""
    given = os.environ.get(ROWS, str(MICRO_BATCH))
    if not given.isdecimal() or not 2 <= int(given) <= 4_096:
        raise ModelError(f"{ROWS} is {given!r}; it must be an integer from 2 to 4096")
    return int(given)


@lru_cache(maxsize=64)
def fingerprint(model: LanguageModel) -> str:
    """sha256 of weights, tokenizer and card: what a job must find again to be replayed."""
    digest = hashlib.sha256()
    for path in model.files:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def entries() -> list[CatalogueEntry]:
    """The models for the service's catalogue."""
    return [_entry(model) for model in registered_models().values()]


def _entry(model: LanguageModel) -> CatalogueEntry:
    details: dict[str, Any] = {
        "architecture": model.architecture,
        "context": model.context,
        "steps": model.steps.model_dump(),
        "answer": model.answer.model_dump(),
        "max_steps": model.max_steps,
        "check": model.check,
        "value_head": model.value_head is not None,
        "prompts": model.card.get("prompts", []),
        "calibration": model.card.get("calibration"),
    }
    summary = str(model.card.get("summary", f"causal language model ({model.architecture})"))
    return CatalogueEntry(kind="reasoning", type="language", name=model.name, summary=summary, details=details)
