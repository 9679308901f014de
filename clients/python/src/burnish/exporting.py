"""From a trained PyTorch module to a file that can be uploaded.

The file is a `.pt2` archive of torch.export, without what a service must not read (pickled sample inputs) and what is
nobody's business (paths and source lines of this machine). The same module gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from burnish.errors import BurnishError
from burnish.wire.operators import OPERATORS

Inputs = Literal["t,x", "x,t", "tx", "xt"]
"""How the module is called: module(t, x), module(x, t), or with one tensor of d + 1 columns, time first or last."""

TOLERANCE = 1e-3
"""Relative to the largest value of its kind; derivatives of single precision are not better than this."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SERIAL = ".data/serialization_id"
_SAMPLES = "data/sample_inputs/"
"""Readers expect the entry; empty it says that there are none."""


class ExportError(BurnishError):
    """The module cannot be exported, or does not survive it."""


@dataclass(frozen=True)
class ExportedModel:
    """A file to upload. `id`: what it is named by; `card`: what it is, and how well it survived."""

    data: bytes
    id: str
    card: dict[str, Any] = field(default_factory=dict[str, Any])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file; its path."""
        target = Path(path)
        target.write_bytes(self.data)
        return target


def export(
    module: Any, dim: int, *, inputs: Inputs = "t,x", path: str | os.PathLike[str] | None = None
) -> ExportedModel:
    """Export a module u(t, x), and check that value, gradient and Laplacian survive.

    Args:
        module: a torch.nn.Module in evaluation mode; t has shape (B,), x (B, d), u (B,) or (B, 1).
        dim: d.
        inputs: how it is called. DeepXDE puts everything into one tensor: "xt" (or "tx").
        path: also write the file there.

    Raises:
        ExportError: an operator that the service does not take, or values that differ after the round trip.
    """
    torch = _torch()
    if inputs not in ("t,x", "x,t", "tx", "xt"):
        raise ValueError(f"inputs is {inputs!r}; known: 't,x', 'x,t', 'tx', 'xt'")
    wrapped = _wrap(torch, module, inputs).eval()
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    program = _program(torch, wrapped, dim, dtype)
    _check_operators(program)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    data = _stripped(buffer.getvalue())
    differences = _survives(torch, wrapped, data, dim, dtype)
    card = {"dim": dim, "dtype": str(dtype).removeprefix("torch."), "largest_difference": differences}
    exported = ExportedModel(data, f"sha256:{hashlib.sha256(data).hexdigest()}", card)
    if path is not None:
        exported.save(path)
    return exported


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError:
        raise ExportError("exporting a module needs PyTorch: pip install torch") from None


def _wrap(torch: Any, module: Any, inputs: Inputs) -> Any:
    """The module as a function of (t, x) with values of shape (B,)."""

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()  # pyright: ignore[reportUnknownMemberType]
            self.module = module

        def forward(self, t: Any, x: Any) -> Any:
            if inputs == "t,x":
                u = self.module(t, x)
            elif inputs == "x,t":
                u = self.module(x, t)
            else:
                column = t.unsqueeze(1)
                u = self.module(torch.cat([column, x] if inputs == "tx" else [x, column], 1))
            return u.reshape(t.shape)

    return Wrapped()


def _program(torch: Any, wrapped: Any, dim: int, dtype: Any) -> Any:
    free = torch.export.Dim.DYNAMIC
    sample = (torch.rand(4, dtype=dtype), torch.rand(4, dim, dtype=dtype))
    try:
        program = torch.export.export(wrapped, sample, dynamic_shapes=({0: free}, {0: free}))
    except Exception as error:
        raise ExportError(f"torch.export does not take this module: {type(error).__name__}: {error!s:.500}") from error
    program._example_inputs = None  # they would be pickled
    return program


def _check_operators(program: Any) -> None:
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        target = node.target
        name = (
            f"torch.ops.{target}" if hasattr(target, "_schema") else f"_operator.{getattr(target, '__name__', target)}"
        )
        if name not in OPERATORS and not _unpacks(target):
            where = (node.meta.get("stack_trace") or "").strip().splitlines()[-1:]
            shown = f" (in {where[0].strip()!r})" if where else ""
            raise ExportError(
                f"operator {name.removeprefix('torch.ops.')} is not one that the service takes{shown}; see "
                "burnish.wire.operators for those that it does, and write this part with them"
            )


def _unpacks(target: Any) -> bool:
    """`a, b = f(x)` is written as two takings from a tuple, which the file does not have."""
    return getattr(target, "__name__", "") == "getitem"


def _stripped(data: bytes) -> bytes:
    """The archive without samples, serial numbers and traces; in one order, at one date."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    kept = {name: b"" if name.startswith(_SAMPLES) else files[name] for name in sorted(files) if name != _SERIAL}
    program = json.loads(kept["models/model.json"])
    for node in program["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {}
    kept["models/model.json"] = json.dumps(program, separators=(",", ":"), sort_keys=True).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in kept.items():
            archive.writestr(zipfile.ZipInfo(f"model/{name}", _EPOCH), content)
    return buffer.getvalue()


def _survives(torch: Any, wrapped: Any, data: bytes, dim: int, dtype: Any) -> dict[str, float]:
    """Relative differences between the module and the file, which was written just now and is safe to load."""
    again = torch.export.load(io.BytesIO(data)).module()
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(16, generator=generator, dtype=dtype)
    x = torch.rand(16, dim, generator=generator, dtype=dtype) * 2 - 1
    found: dict[str, float] = {}
    both = _derivatives(torch, wrapped, t, x), _derivatives(torch, again, t, x)
    for name, mine, theirs in zip(_NAMES, *both, strict=True):
        if name == "value" and not torch.isfinite(mine).all():
            raise ExportError("the module gives values that are not finite for t in [0, 1) and x in [-1, 1)^d")
        mine, theirs = torch.nan_to_num(mine), torch.nan_to_num(theirs)
        difference = float((mine - theirs).abs().max() / (mine.abs().max() + 1e-12))
        found[name] = difference
        if not difference <= TOLERANCE:
            raise ExportError(
                f"the {name} after the round trip differs by {difference:.2g} of its size: a bug to report"
            )
    return found


_NAMES = ("value", "gradient", "Laplacian")


def _derivatives(torch: Any, function: Callable[[Any, Any], Any], t: Any, x: Any) -> tuple[Any, Any, Any]:
    """Value, gradient and Laplacian in x, row by row of the Hessian."""
    x = x.clone().requires_grad_(True)
    u = function(t, x)
    (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True, allow_unused=True)
    slope = torch.zeros_like(x) if slope is None else slope
    bend = torch.zeros_like(u)
    for i in range(x.shape[1]) if slope.requires_grad else ():
        (row,) = torch.autograd.grad(slope[:, i].sum(), x, retain_graph=True, allow_unused=True)
        bend = bend + (0.0 if row is None else row[:, i])
    return u.detach(), slope.detach(), bend.detach()
