"""Fits a small Llama to the texts of its task."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from burnish_workers.kinds.reasoning.training.characters import BOS, EOS, PAD, vocabulary
from burnish_workers.kinds.reasoning.training.llama import llama, padded, tokens_of
from burnish_workers.kinds.reasoning.training.task import TrainingTask

_log = logging.getLogger(__name__)

_IGNORED = -100
_WARM_UP = 50


def fit(task: TrainingTask, seed: int, steps: int | None = None) -> tuple[LlamaForCausalLM, list[float]]:
    """Minimise the cross entropy of the continuations, - mean log p(token | what is before it), by AdamW.

    The rate rises over 50 steps and falls linearly to a thirtieth. Returns the model and the loss of every step.
    """
    steps = steps or task.fit.steps
    model, generator = llama(task, seed).train(), np.random.default_rng([1, seed])
    optimiser = torch.optim.AdamW(model.parameters(), lr=task.fit.rate, betas=(0.9, 0.98))
    losses, began = list[float](), time.process_time()
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = task.fit.rate * min(1, (step + 1) / _WARM_UP) * max(1 / 30, 1 - step / steps)
        loss = loss_of(model, *batch(task, generator))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % max(1, steps // 10) == 0:
            recent, spent = float(np.mean(losses[-50:])), time.process_time() - began
            _log.info("%s: step %d, loss %.4f, %.0f CPU seconds", task.name, step + 1, recent, spent)
    return model.eval(), losses


def batch(task: TrainingTask, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Tokens (n, L) and labels (n, L), which leave out the context and what fills up."""
    known, inputs, labels = vocabulary(task.alphabet), list[list[int]](), list[list[int]]()
    for context, continuation in task.examples(generator, task.fit.batch):
        before, after = [known[BOS], *tokens_of(task, context)], [*tokens_of(task, continuation), known[EOS]]
        inputs.append(before + after)
        labels.append([_IGNORED] * len(before) + after)
    return padded(inputs, known[PAD]), padded(labels, _IGNORED)


def loss_of(model: Any, inputs: Tensor, labels: Tensor) -> Tensor:
    logits = model(input_ids=inputs[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=_IGNORED)
