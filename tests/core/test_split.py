"""The split of a budget between training and simulating: the closed form, its limits, and laws from few trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from burnish_workers.core.split import LOCAL, STEEPEST, USUAL, Outlook, PowerLaw, Tried


def trials(exponent: float, bias: float = 0.0, costs: tuple[float, ...] = (1.0, 2.0, 4.0)) -> list[Tried]:
    return [Tried(cost, 3 * cost**-exponent, bias) for cost in costs]


@pytest.mark.parametrize("exponent", [0.1, 0.25, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("workers", [1.0, 8.0])
def test_without_bias_training_takes_two_b_over_one_plus_two_b(exponent: float, workers: float) -> None:
    found = Outlook.of(trials(exponent), workers).best(100.0, 0.01)
    assert found == pytest.approx(100 * 2 * exponent / (1 + 2 * exponent), rel=0.05)


def test_training_that_buys_nothing_gets_nothing() -> None:
    assert Outlook.of(trials(0.0), 1.0).best(100.0, 0.5) == pytest.approx(0.5)


def test_bias_that_only_training_removes_asks_for_more_of_it() -> None:
    plain = [Tried(c, c**-0.5, 0.0) for c in (1.0, 2.0, 4.0)]
    biased = [Tried(c, c**-0.5, 0.5 * c**-0.5) for c in (1.0, 2.0, 4.0)]
    assert Outlook.of(biased, 1.0).best(100.0, 0.1) > 1.5 * Outlook.of(plain, 1.0).best(100.0, 0.1)


def test_no_split_of_a_grid_is_better_than_the_best() -> None:
    outlook = Outlook.of([Tried(1, 2.0, 0.1), Tried(2, 1.1, 0.07), Tried(4, 0.8, 0.06)], 3.0)
    best = outlook.best(50.0, 0.1)
    grid = np.linspace(0.1, 48.9, 500)
    assert outlook.error(best, 50 - best) <= 1.001 * min(outlook.error(c, 50 - c) for c in grid)


def test_a_tolerance_is_reached_soonest_by_two_b_times_as_much_training_as_simulating() -> None:
    outlook, tolerance = Outlook.of(trials(0.5), 2.0), 0.01
    training = outlook.soonest(tolerance, 0.1, 1e6)
    simulating = (outlook.deviation(training) / tolerance) ** 2 / 2.0
    assert training == pytest.approx(2 * 0.5 * simulating, rel=0.1)
    assert outlook.beside(simulating) == pytest.approx(training, rel=0.1)


def test_a_tolerance_below_the_bias_gets_the_training_that_comes_closest() -> None:
    outlook = Outlook.of([Tried(c, c**-0.5, 0.2 * c**-0.5) for c in (1.0, 2.0, 4.0)], 1.0)
    assert outlook.soonest(1e-9, 1.0, 50.0) == pytest.approx(50.0)


def test_laws_from_few_trials() -> None:
    assert PowerLaw.through([2.0], [8.0], 3) == PowerLaw(8.0 * 2.0**USUAL, USUAL)
    assert PowerLaw.through([1.0, 2.0], [1.0, 0.0], 3)(7.0) == 0.0
    assert PowerLaw.through([1.0, 2.0], [1.0, 3.0], 3).exponent == 0.0  # training that harms is taken to do nothing
    assert PowerLaw.through([1.0, 2.0], [1.0, 1e-9], 3).exponent == STEEPEST
    with pytest.raises(ValueError, match="at least one trial"):
        Outlook.of([], 1.0)


def test_a_local_law_forgets_what_came_before_saturation() -> None:
    costs, values = [1.0, 2.0, 4.0, 8.0], [1.0, 0.1, 0.01, 0.01]
    assert PowerLaw.through(costs, values, LOCAL).exponent == pytest.approx(0.0, abs=1e-9)
    assert PowerLaw.through(costs, values, 3).exponent > 1.0


def test_a_law_goes_through_its_points() -> None:
    law = PowerLaw.through([1.0, 2.0, 4.0], [3.0, 1.5, 0.75], 3)
    assert (law.exponent, law.scale) == (pytest.approx(1.0), pytest.approx(3.0))
    assert law(8.0) == pytest.approx(3 / 8)
    assert math.isclose(Outlook(law, PowerLaw(0.0, 0.0), 4.0).error(1.0, 9.0), 3 / 6)
