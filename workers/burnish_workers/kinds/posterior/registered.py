"""Priors by name: `digits`, which is shipped, and the diffusers directories of BURNISH_PRIORS. JSON alone, no torch.

    BURNISH_PRIORS=faces=/models/faces,scans=/models/scans

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
from burnish_workers.kinds.posterior.directory import Prior, PriorError, read_directory

VARIABLE = "BURNISH_PRIORS"
SHIPPED = Path(__file__).with_name("models")


def registered_priors() -> dict[str, Prior]:
    """All priors by name. Raises PriorError for a variable or a directory that makes no sense."""
    return priors_of(os.environ.get(VARIABLE, ""))


@lru_cache(maxsize=8)
def priors_of(setting: str) -> dict[str, Prior]:
    """The shipped priors and those of a setting like `VARIABLE`'s. Raises PriorError."""
    shipped = {folder.name: folder for folder in sorted(SHIPPED.iterdir()) if folder.is_dir()}
    try:
        folders = named_folders(VARIABLE, setting, shipped, "faces")
    except ValueError as error:
        raise PriorError(str(error)) from None
    return {name: read_directory(name, folder) for name, folder in folders.items()}


@lru_cache(maxsize=64)
def fingerprint(prior: Prior) -> str:
    """sha256 of weights and configurations: what a job must find again to be replayed."""
    digest = hashlib.sha256()
    configurations = [prior.folder / "unet/config.json", prior.folder / "scheduler/scheduler_config.json"]
    for path in [*configurations, *prior.weights]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def entries() -> list[CatalogueEntry]:
    """The priors for the service's catalogue."""
    return [_entry(prior) for prior in registered_priors().values()]


def _entry(prior: Prior) -> CatalogueEntry:
    details: dict[str, Any] = {
        "shape": list(prior.shape),
        "classes": prior.classes,
        "conditional_only": prior.classes > 0 and prior.null_class is None,
        "family": prior.schedule.family,
        "prediction": prior.prediction,
        "scheduler": prior.scheduler["_class_name"],
        "clip": prior.clip,
        "calibrated": prior.calibration.exists(),
        "card": prior.card,
    }
    summary = str(prior.card.get("summary", f"diffusion model of samples of shape {list(prior.shape)}"))
    return CatalogueEntry(kind="posterior", type="prior", name=prior.name, summary=summary, details=details)
