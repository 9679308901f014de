"""Trying an uploaded model in a process of its own, with little memory, little time and no way to write."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from burnish_workers.core.model_rejected import REASONS

MEMORY = 6 * 2**30
"""Bytes of address space: torch alone maps about two gibibytes."""
SECONDS = 40
"""Processor time."""
WALL = 90.0


@dataclass(frozen=True)
class Verdict:
    """`reason`: one of `model_rejected.REASONS` where it is not ok; `card`: what was measured where it is."""

    ok: bool
    reason: str = ""
    message: str = ""
    card: dict[str, Any] = field(default_factory=dict[str, Any])


def probe(data: bytes, *, wall: float = WALL, seconds: int = SECONDS, memory: int = MEMORY) -> Verdict:
    """Load the model and take its values and derivatives. Never raises for what the model does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "burnish_workers.tensors.probe", str(seconds), str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=_environment(),
    )
    try:
        told, complaint = process.communicate(data, timeout=wall)
    except subprocess.TimeoutExpired:
        return Verdict(False, "too_slow", f"the probe was stopped after {wall:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return _verdict(process.returncode, told, complaint, seconds)


def _verdict(code: int, told: bytes, complaint: bytes, seconds: int) -> Verdict:
    if code == -signal.SIGKILL:
        return Verdict(False, "too_hungry", "the probe was killed, which is what happens when memory runs out")
    if code == -signal.SIGXCPU:
        return Verdict(False, "too_slow", f"the probe used up its {seconds} s of processor time")
    try:
        found = json.loads(told)
        verdict = Verdict(bool(found["ok"]), str(found["reason"]), str(found["message"]), dict(found["card"]))
    except (ValueError, KeyError, TypeError):
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        if any("MemoryError" in line or "bad_alloc" in line for line in last):
            return Verdict(False, "too_hungry", "the model needs more memory than a probe has")
        return Verdict(False, "probe_failed", f"the probe ended with code {code}: {' '.join(last)[:300]}")
    if not verdict.ok and verdict.reason not in REASONS:
        return Verdict(False, "probe_failed", "the probe gave no known reason")
    return verdict


def _environment() -> dict[str, str]:
    """Nothing that a model could want: no addresses, no keys."""
    kept = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"OMP_NUM_THREADS": "1", "HOME": "/"}
