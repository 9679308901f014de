"""The deep probe of an uploaded model: `python -m burnish_workers.tensors.probe`, bytes on stdin, verdict on stdout.

Runs in a process of its own (`engine.probing`), which takes as its arguments the seconds of processor time and the
bytes of address space that it limits itself to before it reads the model. It may be killed at any time.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import torch

from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.networks import load_network
from burnish_workers.tensors.probe_networks import try_network

BATCHES = (1, 2, 257, 8_192)
"""The last is what a worker gives a model at once."""
JET_ROWS = 128
APART = 1e-4
"""Relative difference up to which a row may change with its neighbours: batches round differently."""
BOXES = (1.0, 0.1, 4.0)
"""Points are tried in cubes of these half-widths."""


def judge(data: bytes) -> dict[str, Any]:
    """The verdict as JSON: ok, reason, message, card."""
    torch.set_num_threads(1)
    try:
        return {"ok": True, "reason": "", "message": "", "card": _tried(data)}
    except ModelRejected as error:
        return _refusal(error.reason, str(error))
    except (MemoryError, torch.OutOfMemoryError):
        return _refusal("too_hungry", "the model needs more memory than a probe has")
    except Exception as error:  # whatever operators make of what they were given
        text = f"{type(error).__name__}: {error}"
        hungry = "alloc" in text or "memory" in text
        return _refusal("too_hungry" if hungry else "bad_graph", f"the graph does not run: {text:.300}")


def _tried(data: bytes) -> dict[str, Any]:
    found, cpu = inspect_model(data), torch.device("cpu")
    if found.archive is not None and found.archive.graph.width is not None:
        return try_network(load_network(data, cpu))
    field = load_model(data, cpu)
    _values(field)
    return _derivatives(field)


def _refusal(reason: str, message: str) -> dict[str, Any]:
    return {"ok": False, "reason": reason, "message": message, "card": {}}


def _points(field: Field, rows: int, box: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    t = torch.rand(rows, generator=generator)
    return t, box * (2 * torch.rand(rows, field.dim, generator=generator) - 1)


def _values(field: Field) -> None:
    """Shape, finiteness, and that every row is a function of its own point."""
    with torch.no_grad():
        whole: dict[int, torch.Tensor] = {}
        for rows in BATCHES:
            t, x = (a[:rows] for a in _points(field, max(BATCHES), BOXES[0]))
            u = whole[rows] = field.value(t, x)
            if tuple(u.shape) != (rows,):
                what = f"for {rows} points the model gives shape {tuple(u.shape)}, not ({rows},)"
                raise ModelRejected("bad_value", what)
            if not torch.isfinite(u).all():
                raise ModelRejected("bad_value", f"{int((~torch.isfinite(u)).sum())} of {rows} values are not finite")
        t, x = (a[:257] for a in _points(field, max(BATCHES), BOXES[0]))
        order = torch.arange(257).flip(0)
        shuffled = field.value(t[order], x[order]).flip(0)
    scale = whole[257].abs().max() + 1e-6
    for other, rows in ((whole[1], 1), (whole[2], 2), (shuffled, 257), (whole[8_192][:257], 257)):
        if (other - whole[257][:rows]).abs().max() > APART * scale:
            raise ModelRejected("rows_interact", "the value at a point depends on the other points of its batch")


def _derivatives(field: Field) -> dict[str, Any]:
    """Gradient and generator: finite, also their own gradients; how long they take. `curved`: second derivatives are
    not all zero."""
    curved, seconds = 0.0, float("inf")
    diffusion = Diffusion(torch.tensor(1.0), "scalar")
    for box in BOXES:
        t, x = _points(field, JET_ROWS, box)
        zero = torch.zeros_like(x)
        generator = torch.Generator().manual_seed(1)
        began = time.perf_counter()
        with torch.no_grad():
            jet = field.jet(t, x, zero, diffusion, generator)
        seconds = min(seconds, time.perf_counter() - began)
        if not all(torch.isfinite(part).all() for part in (*jet, _slope(field, t, x, diffusion))):
            raise ModelRejected("bad_gradient", f"derivatives within {box:g} of the origin are not finite")
        moved = field.jet(t, x, zero, Diffusion(torch.tensor(2.0), "scalar"), torch.Generator().manual_seed(1))
        curved = max(curved, float((moved.generated - jet.generated).abs().max()))
    return {"curved": curved > 0.0, "seconds_per_jet": seconds / JET_ROWS}


def _slope(field: Field, t: torch.Tensor, x: torch.Tensor, diffusion: Diffusion) -> torch.Tensor:
    """What a nested level takes: the gradient of everything in x, backwards through it."""
    x = x.clone().requires_grad_()
    jet = field.jet(t, x, torch.zeros_like(x), diffusion, torch.Generator().manual_seed(1))
    return torch.autograd.grad(sum((part.sum() for part in jet), torch.zeros(())), x)[0]


def _limit(seconds: int, memory: int) -> None:
    """On this process, for good: the model has not been read yet."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))  # libraries write small files
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


if __name__ == "__main__":
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(json.dumps(judge(sys.stdin.buffer.read())))
