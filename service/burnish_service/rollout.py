"""A new version under running jobs: `burnish-server redeploy` replaces fronts, runners and workers one after the other.

The server leaves word in its data folder of how to reach it. Jobs are handed over between blocks, blocks of workers
that are replaced run again with equal bits, streams are cut and resumed; nothing that was accepted is lost.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from burnish_service.settings import Settings

_WORD = "deployment.json"
_PREFIXES = ("RAY_SERVE_", "RAY_AUTH_", "RAY_USAGE_", "RAY_ACCEL_")


class NotServing(RuntimeError):
    """No server keeps its data in this folder now."""


def leave_word(settings: Settings, address: str) -> Path:
    """Write down how to reach the cluster and its store, for the eyes of this user alone (it holds a password)."""
    told: dict[str, Any] = {
        "pid": os.getpid(),
        "ray": address,
        "settings": settings.model_dump(mode="json"),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)},
    }
    path = settings.data_dir / _WORD
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(told, file)
    return path


def redeploy(folder: Path, **changes: Any) -> Settings:
    """Roll the service of this folder over to the code that is installed now. Raises NotServing.

    `changes` of settings, such as `runners`; the address and the folder cannot change under a running service.
    """
    told = _word(folder)
    os.environ.update(told["environment"])  # ray.serve reads it when it is imported
    from burnish_service import serving

    settings = Settings.model_validate({**told["settings"], **changes})
    serving.connect(told["ray"])
    serving.redeploy(settings)
    return settings


def _word(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / _WORD).read_text())
        os.kill(told["pid"], 0)
    except (OSError, ValueError, KeyError):
        raise NotServing(
            f"no server with its data in {folder.absolute()} is up; start it, or name its --data-dir"
        ) from None
    return told
