"""R-hat and effective steps: of independent draws, of chains that stick, and where there is nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.kinds.reasoning.mixing import Mixing

CHAINS, STEPS = 400, 200


def test_independent_draws_agree_and_count_fully():
    shares = np.random.default_rng(3).binomial(STEPS, 0.3, size=(CHAINS, 1)) / STEPS
    found = Mixing.of(np.hstack([shares, 1 - shares]), np.full(CHAINS, STEPS))
    assert found.r_hat == pytest.approx(1, abs=2e-3)
    assert found.effective == pytest.approx(CHAINS * STEPS, rel=0.2)


def test_chains_that_stick_do_not_agree():
    """Ten equal steps in a row: a tenth of the draws."""
    shares = np.random.default_rng(4).binomial(STEPS // 10, 0.3, size=(CHAINS, 1)) / (STEPS // 10)
    found = Mixing.of(shares, np.full(CHAINS, STEPS))
    assert found.r_hat is not None
    assert found.r_hat > 1.02
    assert found.effective == pytest.approx(CHAINS * STEPS / 10, rel=0.2)


def test_chains_that_never_move_have_no_finite_r_hat():
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert Mixing.of(shares, np.full(3, 5)) == Mixing(None, pytest.approx(2.0))


@pytest.mark.parametrize("shares", [np.ones((4, 1)), np.zeros((1, 3)), np.zeros((5, 2))])
def test_nothing_to_compare(shares):
    assert Mixing.of(shares, np.full(len(shares), 7)) == Mixing(None, None)
