"""The benchmark of kind `surrogate`: its harness counts right, its references are right, its page says its results."""

# ruff: noqa: E402 (the benchmark's scripts import each other by their file names)

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "surrogate"))

import cells
import gp
import jobs
import problems
import report
import unseen

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.model_file import inspect_model

UPLOADS = [case for case in problems.cases() if case.file.exists() and case.model != problems.SHIPPED]


@pytest.mark.parametrize("each", unseen.UNSEEN, ids=lambda each: each.name)
def test_manufactured_solutions_solve_what_is_posted(each: unseen.Unseen) -> None:
    unseen.check(each)


@pytest.mark.parametrize("each", unseen.UNSEEN, ids=lambda each: each.name)
def test_a_wrong_source_is_noticed(each: unseen.Unseen) -> None:
    wrong = {**each.equation, "nonlinearity": each.equation["nonlinearity"] + " + 0.001"}
    with pytest.raises(RuntimeError, match="leaves a residual"):
        unseen.check(replace(each, equation=wrong))


@pytest.mark.parametrize("most", [410, 2_000])
def test_a_job_is_cut_to_its_evaluations_and_runs_just_those(most: int) -> None:
    t, x = np.zeros(3), np.full((3, 10), 0.1)
    posted = jobs.body({"name": "viscous-burgers", "dim": 10}, {"zero": True}, t, x, seed=1, method="linearised")
    spec = jobs.cut(jobs.resolved({**posted, "steps": 4}, NOTHING), NOTHING, most)
    *_, last = jobs.looks(spec, NOTHING)
    counted = last.answer.diagnostics["evaluations_per_point"]
    assert counted == jobs.evaluations(spec, NOTHING, last.replicates) <= most
    assert jobs.evaluations(spec, NOTHING, last.replicates + 1) > most


@pytest.mark.parametrize("replicates", [8, 9, 12, 37, 400])
def test_a_sized_job_has_so_many_replicates_and_no_look_before_the_eighth(replicates: int) -> None:
    t, x = np.zeros(1), np.zeros((1, 3))
    posted = jobs.body({"name": "allen-cahn", "dim": 3}, {"zero": True}, t, x, seed=1, method="linearised")
    seen = [each.replicates for each in jobs.looks(jobs.sized(jobs.resolved(posted, NOTHING), replicates), NOTHING)]
    assert seen[-1] == replicates
    assert min(seen) >= jobs.FIRST


@pytest.mark.parametrize("case", UPLOADS, ids=lambda case: case.key)
def test_models_are_accepted_and_as_good_as_their_cards_say(case: problems.Case) -> None:
    assert inspect_model(case.file.read_bytes()).dim == case.dim
    t, x = case.draw(1_000, 77)
    surrogate, inputs = case.surrogate()
    error = problems.relative(jobs.uncorrected(surrogate, inputs, t, x), case.exact(t, x))
    assert error == pytest.approx(case.about["relative_l2"], rel=0.01)


def test_kernel_derivatives_are_those_of_the_exported_module() -> None:
    """The collocation's closed forms against differences of the kernel itself."""
    rng = np.random.default_rng(0)
    points, centres, h = rng.uniform(-0.5, 0.5, (3, 6)), rng.uniform(-0.5, 0.5, (4, 6)), 1e-4
    found = gp.collocate(points, centres, 0.9, -0.3)

    def kernel(at: np.ndarray) -> np.ndarray:
        return gp.collocate(at, centres, 0.9, -0.3).value

    steps = [h * np.eye(6)[i] for i in range(6)]
    slopes = [(kernel(points + step) - kernel(points - step)) / (2 * h) for step in steps]
    second = sum((kernel(points + step) + kernel(points - step) - 2 * found.value) / h**2 for step in steps[:5])
    np.testing.assert_allclose(found.along, sum(slopes[:5]), atol=1e-6)
    generated = slopes[5] - 0.3 * sum(slopes[:5]) + gp.SIGMA**2 / 2 * second
    np.testing.assert_allclose(found.generated, generated, atol=1e-5)


def test_the_page_holds_the_committed_results() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    parts = [name for name in report.TABLES if cells.published(name) is not None]
    assert parts
    for name in parts:
        assert report.written(page, name, cells.published(name) or {}) == page
