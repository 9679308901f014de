"""The benchmark of kind `reasoning`: its quick laws are the service's, its harness is right, its page up to date."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from burnish_workers.kinds.reasoning.arithmetic import task as arithmetic
from burnish_workers.kinds.reasoning.dyck import task as dyck
from burnish_workers.kinds.reasoning.protocols import Extension, Look
from burnish_workers.kinds.reasoning.references.subset_sum import Truth, problem
from burnish_workers.kinds.reasoning.source import Random

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reasoning"


def _modules(*names: str) -> list[ModuleType]:
    """The benchmark's scripts, which import each other by names that those of other benchmarks have too."""
    own = {path.stem for path in FOLDER.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.path.insert(0, str(FOLDER))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(FOLDER))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(others)


known, sums, success, coverage, report = _modules("known", "sums", "success", "coverage", "report")


@pytest.mark.parametrize(("model", "prompts"), [("dyck", dyck.problems), ("arithmetic", arithmetic.problems)])
def test_equal_seeds_give_the_tokens_chances_and_values_of_the_service(model: str, prompts: Any) -> None:
    """48 chains from the root to their ends, by remembered laws and by the decoder."""
    ours = known.Known(model, prompts(5, 1)[0])
    known.learn([(ours, ours.root)])
    prefixes, compared = [()] * 48, 0
    while prefixes:
        found, wanted = (each.extend(_rows(prefixes, compared)) for each in (ours, ours.service))
        assert [drawn.step for (drawn,) in found] == [drawn.step for (drawn,) in wanted]
        for (one,), (other,) in zip(found, wanted, strict=True):
            assert one.log_chance == pytest.approx(other.log_chance, abs=1e-3)
        longer = [(*prefix, drawn.step) for prefix, (drawn,) in zip(prefixes, found, strict=True)]
        prefixes = [prefix for prefix in longer if len(prefix) < ours.depth and not ours.ends(prefix)]
        values = ours.log_values([Look(prefix, False, Random(np.random.default_rng(0))) for prefix in prefixes])
        assert values == pytest.approx(ours.service.log_values(prefixes), abs=1e-3)
        compared += len(found)
    assert compared > 48


def _rows(prefixes: list[Any], turn: int) -> list[Extension]:
    return [Extension(prefix, 1, Random(np.random.default_rng([turn, i]))) for i, prefix in enumerate(prefixes)]


def test_tables_of_subset_sums_are_the_laws_of_the_task() -> None:
    """To single precision, which the networks are run in: batches of other shapes round in other ways."""
    task, generator = problem(77), np.random.default_rng(0)
    tables = sums.Sums(task)
    for length in range(task.depth):
        prefix = tuple((int(a), int(b)) for a, b in generator.integers(0, 2, (length, 2)))
        look = [Look(prefix, False, Random(generator))]
        assert tables.log_values(look) == pytest.approx(task.log_values(look), abs=1e-5)
        assert tables.chances(prefix) == pytest.approx(task._outlook(prefix).chances, abs=1e-6)  # pyright: ignore[reportPrivateUsage]


def test_runs_side_by_side_come_to_what_each_comes_to_alone() -> None:
    tasks = [known.Known("arithmetic", prompt) for prompt in arithmetic.problems(6, 4)]
    together = success.one("arithmetic", "mh_backtracking", tasks, 0)["right"]
    runs = [
        success.Attempt(task, "mh_backtracking", (i, 0, 1), success.TASKS["arithmetic"].budgets)
        for i, task in enumerate(tasks)
    ]
    for run in runs:
        known.drive([(run.task, run.oracle, run.work())])
    assert together == [[run.first <= budget for run in runs] for budget in runs[0].budgets]


def test_best_of_n_finds_as_many_as_the_exact_chance_says() -> None:
    """1 - (1 - p)^n of subset sums, within 5 standard errors over 60 problems."""
    tasks = [sums.Sums(problem(500 + i)) for i in range(60)]
    found = np.mean(success.one("subset_sum", "best_of_n", tasks, 0)["right"], axis=1)
    chances = np.array([Truth(each.task).success for each in tasks])
    exact = [1 - (1 - chances) ** (budget // 20) for budget in success.TASKS["subset_sum"].budgets]
    spread = [math.sqrt(float((each * (1 - each)).sum())) / len(each) for each in exact]
    assert (np.abs(found - np.mean(exact, axis=1)) < 5 * np.array(spread)).all()


@pytest.mark.slow
def test_the_enumerated_posterior_is_that_of_many_rollouts() -> None:
    """Within 5 standard errors and the mass that was left."""
    prompt = arithmetic.problems(coverage.HELD_OUT, 1)[0]
    _, task = coverage.language(prompt, coverage.SOFT)
    law, left = coverage.enumerated(task.backend)
    weights, answers = _rollouts(task)
    for answer in sorted(law, key=lambda each: -law[each])[:4]:
        hit = np.array([each == answer for each in answers], float)
        share = float((weights * hit).sum() / weights.sum())
        error = float(np.sqrt((weights**2 * (hit - share) ** 2).sum()) / weights.sum())
        assert law[answer] - 5 * error - left < share < law[answer] + 5 * error + left


def _rollouts(task: Any, count: int = 2_000) -> tuple[np.ndarray, list[str]]:
    """tau and answers of draws from the base law."""
    prefixes, ended = [()] * count, list[Any]()
    for turn in range(task.backend.depth):
        drawn = task.backend.extend(_rows(prefixes, 1_000_000 + turn))
        longer = [(*prefix, each.step) for prefix, (each,) in zip(prefixes, drawn, strict=True)]
        ended += [each for each in longer if task.backend.ends(each) or len(each) == task.backend.depth]
        prefixes = [each for each in longer if not task.backend.ends(each) and len(each) < task.backend.depth]
    scores = task.verifier.log_values([Look(each, True, Random(np.random.default_rng(0))) for each in ended])
    return np.exp(scores), [task.backend.answer(each) for each in ended]


def test_the_page_says_what_was_measured() -> None:
    page = report.FILE.read_text()
    for name in report.TABLES:
        results = report.KEPT.published(name)
        if results is not None:
            assert report.written(page, name, results) == page, f"run report.py --draw: {name} is behind its results"
