"""Measures a model and its value head on held-out prompts."""

from __future__ import annotations

from typing import Any

from burnish_workers.kinds.reasoning.training.calibration import base_success, by_depth
from burnish_workers.kinds.reasoning.training.directory import Trained
from burnish_workers.kinds.reasoning.training.task import TrainingTask
from burnish_workers.kinds.reasoning.training.value_head import head_values, roll_out

PROMPTS, EACH, SEED = 256, 16, 0


def measured(
    trained: Trained, task: TrainingTask, prompts: int = PROMPTS, each: int = EACH, seed: int = SEED
) -> dict[str, Any]:
    """`success`: of the model alone; `depths`: of the value head, by steps of the prefix. `each` rollouts a prompt."""
    seen = roll_out(trained.model, task, task.problems(seed, prompts), each, seed)
    value = head_values(trained.head, seen.hidden)
    return {
        "seed": seed,
        "success": base_success(seen.passed, seen.prompt),
        "depths": by_depth(value, seen.passed[seen.row], seen.depth),
    }
