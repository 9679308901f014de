"""What is fuzzed: each reader with what it promises. Whatever else it does is a `Finding`."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from burnish_workers.core.array_file import ArrayFileError, describe, read_arrays
from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.model_rejected import REASONS, ModelRejected
from burnish_workers.tensors.expressions import lower
from burnish_workers.tensors.graph import load_model
from burnish_workers.tensors.probe import judge

from . import mutations, seeds

LONGEST = 1_000
"""Characters of a message: it goes into an answer and into logs, whatever was sent."""
CPU = torch.device("cpu")


class Finding(AssertionError):
    """A reader broke a promise."""


@dataclass(frozen=True)
class Target:
    """`read` raises Finding, or anything at all, where a reader does what it should not.

    `seconds`: of processor time for one input; `memory`: MiB that the process may have resident.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mutated: Callable[[bytes, random.Random, mutations.Blind], bytes]
    seconds: float = 5.0
    memory: int = 1_024
    longest: int = 64_000


def check(name: str, data: bytes) -> None:
    """Run one input within its time."""
    target, began = TARGETS[name], time.thread_time()
    target.read(data)
    took = time.thread_time() - began
    if took > target.seconds:
        raise Finding(f"{name}: {len(data)} bytes took {took:.1f} s of processor time")


def _told(message: str) -> None:
    if not message.strip() or len(message) > LONGEST:
        raise Finding(f"a message of {len(message)} characters: {message[:200]!r}")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ModelRejected as refused:
        _told(str(refused))
        if refused.reason not in REASONS:
            raise Finding(f"no known reason: {refused.reason!r}") from refused


def model(data: bytes) -> None:
    """At the door: a model with a card that can be shown, or ModelRejected."""
    with _refusing():
        found = inspect_model(data)
        json.dumps(found.card, allow_nan=False).encode()


def card(data: bytes) -> None:
    """Safetensors with a card, up to the field that a worker makes of them."""
    with _refusing():
        load_model(data, CPU)


def probe(data: bytes) -> None:
    """On a worker: the graph is built and tried, and there is a verdict."""
    verdict = judge(data)
    json.dumps(verdict, allow_nan=False).encode()
    if verdict["ok"] != (verdict["reason"] == "") or (not verdict["ok"] and verdict["reason"] not in REASONS):
        raise Finding(f"no verdict: {verdict}")
    if not verdict["ok"]:
        _told(verdict["message"])


def arrays(data: bytes) -> None:
    """Finite arrays that can be described, or ArrayFileError."""
    try:
        found = read_arrays(data)
    except ArrayFileError as refused:
        _told(str(refused))
        return
    json.dumps(describe(found), allow_nan=False).encode()
    for array in found.values():
        if array.flags.writeable or not np.isfinite(array).all():
            raise Finding("an array that can be written to, or is not finite")


VARIABLES: dict[str, Any] = {"t": "scalar", "u": "scalar", "x": "vector", "z": "vector"}
POINTS = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
NUMBERS: dict[str, Any] = {"t": POINTS[:, 0], "u": POINTS[:, 1], "x": POINTS, "z": POINTS[::-1].copy()}
ROUNDED = {"exp", "log", "sin", "cos", "tanh", "sigmoid", "**"}
"""What libraries round each in its own way; all else gives the same bits."""
TENSORS = {name: torch.as_tensor(value) for name, value in NUMBERS.items()}


def expression(data: bytes) -> None:
    """A formula with the same values by numpy and torch, or ExpressionError with a cure and a place in the text."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = Expression.parse(text, VARIABLES, sizes={"x": 2, "z": 2}, constants={"d": 2.0, "i": (1.0, 2.0)})
    except ExpressionError as refused:
        _told(str(refused))
        if not refused.cure or not (refused.position is None or 0 <= refused.position <= len(text)):
            raise Finding(f"no cure, or no place in the text: {refused!r}, at {refused.position}") from refused
        return
    parsed.degree_in({"u", "z"})
    parsed.factor_of("x")
    values = parsed.evaluate(NUMBERS)
    shape = (3, 2) if parsed.shape == "vector" else (3,)
    tensor = lower(parsed)(TENSORS)
    if values.shape != shape or tensor.shape != shape:
        raise Finding(f"{text!r} gives shapes {values.shape} and {tuple(tensor.shape)}, not {shape}")
    exact = not ROUNDED & set(re.findall(r"[a-z]\w+|\*\*", text))
    if exact and not np.array_equal(values, tensor.numpy(), equal_nan=True):
        raise Finding(f"{text!r} is {values} by numpy, {tensor} by torch")


TARGETS = {
    "model": Target(model, seeds.models, mutations.mutated_archive),
    "card": Target(card, seeds.cards, mutations.mutated_safetensors),
    "probe": Target(probe, seeds.models, mutations.mutated_archive, seconds=60.0, memory=4_096),
    "arrays": Target(arrays, seeds.arrays, mutations.mutated_array),
    "expression": Target(expression, seeds.formulas, mutations.mutated_formula, longest=2_100),
}
"""By name."""
