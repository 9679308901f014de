"""Tokens and notes: folded, stored and counted exactly."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.wire import Budget, Spent
from burnish_workers.core.estimator import flatten, unflatten
from burnish_workers.core.notes import Notes
from burnish_workers.core.purse import Purse
from burnish_workers.core.used import USED, Used, used_by


def test_what_was_used_survives_a_checkpoint():
    used = Used(2**40, 3).plus(Used(1, 4))
    assert used_by(unflatten(flatten({USED: used}))) == Used(2**40 + 1, 7)
    assert used_by({}) == Used()


def test_equal_notes_have_equal_bytes_and_no_number_is_lost():
    one, two = Notes({"a": 0.1, "b": ["x", None, -3]}), Notes({"b": ["x", None, -3], "a": 0.1})
    assert np.array_equal(one.to_arrays()["json"], two.to_arrays()["json"])
    assert unflatten(flatten({"notes": one}))["notes"] == two
    with pytest.raises(ValueError, match="JSON"):
        Notes({"a": float("nan")}).to_arrays()


@pytest.mark.parametrize("name", ["tokens", "verifier_calls"])
def test_tokens_end_a_job(name):
    purse = Purse(Budget.model_validate({name: 100, "seconds": 5}), None)
    assert purse.exhausted(Spent.model_validate({name: 99}), 10**6, 10**6) is None
    assert purse.exhausted(Spent.model_validate({name: 100}), 0, 0) == name


def test_a_top_up_adds_tokens():
    assert Budget(tokens=10, units=5).plus(Budget(tokens=7)) == Budget(tokens=17, units=5)
    assert Budget(units=5).plus(Budget(verifier_calls=7)) == Budget(units=5, verifier_calls=7)
