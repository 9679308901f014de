"""From a trained PyTorch module to a file that can be uploaded.

The file is a `.pt2` archive of torch.export, without what a service must not read (pickled sample inputs) and what is
nobody's business (paths and source lines of this machine). The same module gives the same bytes.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from burnish.errors import BurnishError
from burnish.wire.operators import OPERATORS

Inputs = Literal["t,x", "x,t", "tx", "xt", "t,x,label", "x,t,label"]
"""How the module is called: module(t, x), module(x, t), or with one tensor of d + 1 columns, time first or last; a
denoiser also with class labels (B,), which are -1 for samples without a class."""

Gives = Literal["number", "sample", "vector"]
"""u (B,), as surrogates give; u (B, d), as denoisers do; or u (B, k), as classifiers and operators do."""

TOLERANCE = 1e-3
"""Relative to the largest among value, gradient and, for the Laplacian, it; single precision gives no better."""
_SCHEMA = 8
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SERIAL = ".data/serialization_id"
_ASSERTION = "torch.ops.aten._assert_tensor_metadata.default"
"""Gives nothing; says again what type a tensor has."""
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
    module: Any,
    dim: int,
    *,
    inputs: Inputs = "t,x",
    gives: Gives = "number",
    path: str | os.PathLike[str] | None = None,
) -> ExportedModel:
    """Export a module u(t, x), and check that value, gradient and Laplacian survive.

    Args:
        module: a torch.nn.Module; t has shape (B,), x (B, d), u (B,) or (B, 1), or that of x. It is exported in
            evaluation mode, and left as it was.
        dim: d.
        inputs: how it is called. DeepXDE puts everything into one tensor: "xt" (or "tx").
        gives: "sample" for the network of a diffusion or flow model; "vector" for a classifier or an operator, which is
            told t = 0. Pictures are flat: d is the product of their
            sides. A weighted sum of the values is what is checked.
        path: also write the file there.

    Raises:
        ExportError: an operator that the service does not take, a value or derivative that is not finite or cannot be
            taken, or one that differs after the round trip.
    """
    torch = _torch()
    if inputs not in get_args(Inputs):
        raise ValueError(f"inputs is {inputs!r}; known: {', '.join(map(repr, get_args(Inputs)))}")
    if gives not in get_args(Gives):
        raise ValueError(f"gives is {gives!r}; known: {', '.join(map(repr, get_args(Gives)))}")
    labelled = inputs.endswith("label")
    if labelled and gives != "sample":
        raise ValueError(f"inputs is {inputs!r}; only modules with gives='sample' may take labels")
    wrapped = _wrap(torch, module, inputs, gives)
    tensors = [*module.parameters(), *module.buffers()]
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
    device = next((tensor.device for tensor in tensors), torch.device("cpu"))
    with _evaluating(module):
        buffer = io.BytesIO()
        torch.export.save(_accepted(torch, wrapped, _points(torch, 4, dim, dtype, device, labelled)), buffer)
        data = _stripped(buffer.getvalue())
        differences = _survives(torch, wrapped, data, _points(torch, 16, dim, dtype, device, labelled), gives)
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


def _wrap(torch: Any, module: Any, inputs: Inputs, gives: Gives) -> Any:
    """The module as a function of (t, x) or (t, x, label) with values of the shape of t, or of x."""

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()  # pyright: ignore[reportUnknownMemberType]
            self.module = module

        def forward(self, t: Any, x: Any, label: Any = None) -> Any:
            given = () if label is None else (label,)
            if inputs.startswith("t,x"):
                u = self.module(t, x, *given)
            elif inputs.startswith("x,t"):
                u = self.module(x, t, *given)
            else:
                column = t.unsqueeze(1)
                u = self.module(torch.cat([column, x] if inputs == "tx" else [x, column], 1))
            if gives == "vector":
                return u.reshape(x.shape[0], -1)
            return u.reshape(t.shape if gives == "number" else x.shape)

    return Wrapped()


@contextmanager
def _evaluating(module: Any) -> Generator[None]:
    """In evaluation mode for now; every part of the module is as before afterwards."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def _points(torch: Any, rows: int, dim: int, dtype: Any, device: Any, labelled: bool = False) -> tuple[Any, ...]:
    """t in [0, 1), x in [-1, 1)^d, from a generator of their own: the caller's random numbers stay as they are.

    Labels 0, -1, 0, -1, ...: what every module with labels knows.
    """
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(rows, generator=generator, dtype=dtype)
    x = torch.rand(rows, dim, generator=generator, dtype=dtype) * 2 - 1
    labels = (-(torch.arange(rows) % 2)).to(device)
    return (t.to(device), x.to(device), labels) if labelled else (t.to(device), x.to(device))


def _accepted(torch: Any, wrapped: Any, sample: tuple[Any, ...]) -> Any:
    """The program as it was written where the service takes that (the same bits), else in torch's basic operators."""
    free = torch.export.Dim.DYNAMIC
    try:
        program = torch.export.export(wrapped, sample, dynamic_shapes=tuple({0: free} for _ in sample))
        if _unknown(program):
            with warnings.catch_warnings():
                # Torch 2.13 uses what it deprecates: nothing that the caller could do anything about.
                warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
                program = program.run_decompositions(_decompositions(torch))
    except Exception as error:
        raise ExportError(f"torch.export does not take this module: {type(error).__name__}: {error!s:.500}") from error
    if unknown := _unknown(program):
        raise ExportError("; ".join(unknown[:3]))
    program._example_inputs = None  # they would be pickled
    return program


def _decompositions(torch: Any) -> Any:
    """Torch's own, and batch normalisation down to arithmetic."""
    table = torch.export.default_decompositions()
    aten = torch.ops.aten
    batch_norms = [aten._native_batch_norm_legit_no_training, aten._native_batch_norm_legit]
    table.update(importlib.import_module("torch._decomp").get_decompositions(batch_norms))
    return table


def _unknown(program: Any) -> list[str]:
    """What the service would say of the operators that it does not take."""
    calls = [node for node in program.graph.nodes if node.op == "call_function" and not _unpacks(node.target)]
    known = OPERATORS | {_ASSERTION}
    return [_refused(name, node) for node in calls if (name := _name(node.target)) not in known]


def _name(target: Any) -> str:
    return f"torch.ops.{target}" if hasattr(target, "_schema") else f"_operator.{getattr(target, '__name__', target)}"


def _refused(name: str, node: Any) -> str:
    short = name.removeprefix("torch.ops.aten.")
    known = sorted(operator.removeprefix("torch.ops.aten.") for operator in OPERATORS)
    families = {operator.partition(".")[0] for operator in known}
    alike = difflib.get_close_matches(short.partition(".")[0], sorted(families), n=2)
    close = [operator for operator in known if operator.partition(".")[0] in alike]
    hint = f"; near ones are {', '.join(close)}" if close else ""
    where = (node.meta.get("stack_trace") or "").strip().splitlines()[-1:]
    shown = f" (in {where[0].strip()!r:.160})" if where else ""
    return (
        f"operator aten.{short} is not one that the service takes{shown}{hint}; burnish.wire.operators lists them all"
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
    major = program["schema_version"]["major"]
    if major != _SCHEMA:
        raise ExportError(f"this PyTorch writes graphs of schema {major}, the service reads {_SCHEMA}: use torch 2.13")
    graph = program["graph_module"]["graph"]
    graph["nodes"] = [{**node, "metadata": {}} for node in graph["nodes"] if node["target"] != _ASSERTION]
    kept["models/model.json"] = json.dumps(program, separators=(",", ":"), sort_keys=True).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in kept.items():
            archive.writestr(zipfile.ZipInfo(f"model/{name}", _EPOCH), content)
    return buffer.getvalue()


def _survives(torch: Any, wrapped: Any, data: bytes, points: tuple[Any, ...], gives: Gives) -> dict[str, float]:
    """Relative differences between the module and the file, which was written just now and is safe to load."""
    again = torch.export.load(io.BytesIO(data)).module()
    t, x, *label = points
    seen = [_numbers(torch, function, label, gives) for function in (wrapped, again)]
    both = _derivatives(torch, seen[0], t, x), _derivatives(torch, seen[1], t, x)
    found: dict[str, float] = {}
    scale = 1e-12
    for name, mine, theirs in zip(_NAMES, *both, strict=True):
        bad = int((~torch.isfinite(mine)).reshape(len(mine), -1).any(1).sum())
        if bad:
            where = "t in [0, 1) and x in [-1, 1)^d"
            raise ExportError(f"the {name} of the module is not finite at {bad} of {len(mine)} points with {where}")
        # A Laplacian of nearly nothing is the rounding of larger things.
        scale = max(scale, float(mine.abs().max()))
        difference = float((mine - theirs).abs().max()) / scale
        found[name] = difference
        if not difference <= TOLERANCE:
            raise ExportError(
                f"the {name} after the round trip differs by {difference:.2g} of its size: a bug to report"
            )
    return found


def _numbers(torch: Any, function: Any, label: list[Any], gives: Gives) -> Callable[[Any, Any], Any]:
    """The function of t and x with values (B,): samples are summed with weights that cancel by no symmetry."""

    def number(t: Any, x: Any) -> Any:
        u = function(t, x, *label)
        return u if gives == "number" else u @ torch.arange(1, u.shape[1] + 1).to(x).cos()

    return number


_NAMES = ("value", "gradient", "Laplacian")


def _derivatives(torch: Any, function: Callable[[Any, Any], Any], t: Any, x: Any) -> tuple[Any, Any, Any]:
    """Value, gradient and Laplacian in x, row by row of the Hessian; zeros where u does not depend on x."""
    x = x.clone().requires_grad_(True)
    try:
        u = function(t, x)
        (slope,) = _gradient(torch, u, x, create_graph=True)
        bend = torch.zeros_like(u)
        for i in range(x.shape[1]):
            (row,) = _gradient(torch, slope[:, i], x, retain_graph=True)
            bend = bend + row[:, i]
    except (RuntimeError, NotImplementedError) as error:
        raise ExportError(f"the module's derivatives cannot be taken: {error!s:.300}") from error
    return u.detach(), slope.detach(), bend.detach()


def _gradient(torch: Any, of: Any, x: Any, **options: bool) -> tuple[Any]:
    if not of.requires_grad:
        return (torch.zeros_like(x),)
    return torch.autograd.grad(of.sum(), x, materialize_grads=True, **options)
