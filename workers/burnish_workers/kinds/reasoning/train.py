"""Trains the language models that are shipped, with their value heads, and measures them. Imports torch.

    python -m burnish_workers.kinds.reasoning.train --out DIR [--task dyck | arithmetic]
    python -m burnish_workers.kinds.reasoning.train --report [--out DIR]

Writes DIR/dyck and DIR/arithmetic, directories in the layout of Hugging Face. A seed and a number of threads lead to
the same weights again on the same machine. `--report` trains nothing and prints the tables of the cards in DIR.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from burnish_workers.kinds.reasoning.arithmetic.task import TASK as ARITHMETIC
from burnish_workers.kinds.reasoning.dyck.task import TASK as DYCK
from burnish_workers.kinds.reasoning.training.directory import CARD, Trained, write
from burnish_workers.kinds.reasoning.training.fitting import fit
from burnish_workers.kinds.reasoning.training.measure import measured
from burnish_workers.kinds.reasoning.training.report import report
from burnish_workers.kinds.reasoning.training.task import TrainingTask
from burnish_workers.kinds.reasoning.training.value_head import fit_head

_log = logging.getLogger(__name__)

TASKS = {task.name: task for task in (DYCK, ARITHMETIC)}
SHIPPED = Path(__file__).with_name("models")
COMMAND = "python -m burnish_workers.kinds.reasoning.train --out DIR"
_SHOWN = 4


def main() -> None:
    """Train, measure and write, or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the folder of the model directories; --report: default the shipped")
    parser.add_argument("--task", choices=sorted(TASKS), help="default: all of them")
    parser.add_argument("--report", action="store_true", help="print the tables of the cards, train nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(given.threads)
    if given.out is None and not given.report:
        parser.error("--out: say where to write the models")
    for name in [given.task] if given.task else sorted(TASKS):
        folder = (given.out or SHIPPED) / name
        if not given.report:
            train(TASKS[name], folder, given.seed)
        _log.info("%s\n", report(name, json.loads((folder / CARD).read_text())))


def train(task: TrainingTask, folder: Path, seed: int) -> None:
    """Fit the model, then its value head, measure both on held-out prompts, write the directory."""
    began = time.process_time()
    model, losses = fit(task, seed)
    trained = Trained(model, fit_head(model, task, seed))
    spent = round(time.process_time() - began)
    write(trained, task, about(task, trained, seed, spent, float(np.mean(losses[-50:]))), folder)


def about(task: TrainingTask, trained: Trained, seed: int, spent: int, loss: float) -> dict[str, Any]:
    """The card: what the model is, how it was made, how good it is."""
    return {
        **task.card,
        "prompts": task.problems(0, _SHOWN),
        "parameters": trained.model.num_parameters(),
        "trained": COMMAND,
        "options": {"seed": seed, **asdict(task.fit), "head_rollouts": task.head_rollouts},
        "cpu_seconds": spent,
        "loss": round(loss, 4),
        "calibration": measured(trained, task),
    }


if __name__ == "__main__":
    main()
