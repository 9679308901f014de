"""What fuzzing has found, and a sample of what it has reached, read again: each input in its time, with its promise."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from burnish_workers.core.array_file import ArrayFileError, read_arrays
from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.model_file import ModelRejected, inspect_model

from .mutations import mutated_bytes
from .targets import TARGETS, VARIABLES, check

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(file for file in CORPUS.glob("*/*") if file.is_file())
LARGEST = 2**20
"""Bytes of the whole corpus."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_again(file: Path) -> None:
    check(file.parent.name, file.read_bytes())


def test_the_corpus_is_small_and_of_targets_that_there_are() -> None:
    assert {file.parent.name for file in FILES} == set(TARGETS)
    assert sum(file.stat().st_size for file in FILES) < LARGEST


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_seeds(name: str) -> None:
    for data in TARGETS[name].seeds():
        check(name, data)


def accepted(name: str, data: bytes) -> bool:
    """Whether a reader takes the input."""
    try:
        match name:
            case "arrays":
                read_arrays(data)
            case "expression":
                Expression.parse(data.decode("utf-8", "surrogateescape"), VARIABLES)
            case _:
                inspect_model(data)
    except (ArrayFileError, ExpressionError, ModelRejected):
        return False
    return True


@pytest.mark.parametrize("name", ["arrays", "card", "expression", "model"])
def test_mutants(name: str) -> None:
    """By chance alone, without coverage: some of them still are what they were, and none breaks a promise."""
    target, rng = TARGETS[name], random.Random(5)
    seeds, alive = target.seeds(), 0
    for _ in range(400):
        mutant = target.mutated(rng.choice(seeds), rng, mutated_bytes)
        check(name, mutant)
        alive += accepted(name, mutant)
    assert 4 < alive < 390
