"""The value head: a logistic regression on the frozen trunk, of whether the model's own completion will be right.

    V(s) = sigmoid(w . h(s) + b)

h(s): the trunk's hidden state after its final norm, at the last token of the prefix s; prefixes end where steps do.
Fitted by maximum likelihood with a small ridge over all prefixes of own completions, the empty one too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaForCausalLM

from burnish_workers.kinds.reasoning.training.characters import BOS, EOS, vocabulary
from burnish_workers.kinds.reasoning.training.llama import complete, hidden_states, text_of, tokens_of
from burnish_workers.kinds.reasoning.training.task import TrainingTask

_log = logging.getLogger(__name__)

_RIDGE = 1e-4
_ROWS = 2_048
_ROLLOUTS_PER_PROMPT = 4


@dataclass(frozen=True)
class Rollouts:
    """Own completions of prompts.

    Attributes:
        prompt: (n,) index of the prompt.
        passed: (n,) whether the completion is right.
        row, depth: (m,) an unfinished prefix: of which completion, after how many steps.
        hidden: (m, H) its hidden state.
    """

    prompt: NDArray[np.int64]
    passed: NDArray[np.bool_]
    row: NDArray[np.int64]
    depth: NDArray[np.int64]
    hidden: Tensor


def roll_out(model: LlamaForCausalLM, task: TrainingTask, prompts: Sequence[str], each: int, seed: int) -> Rollouts:
    """`each` completions of every prompt, judged, with the hidden states where their steps end."""
    texts = [prompt for prompt in prompts for _ in range(each)]
    written = complete(model, task, texts, seed)
    passed = [task.passes(text, text_of(task, tokens)) for text, tokens in zip(texts, written, strict=True)]
    found, rows, depths = list[Tensor](), list[int](), list[int]()
    for start in range(0, len(texts), _ROWS):
        part = range(start, min(start + _ROWS, len(texts)))
        known = vocabulary(task.alphabet)
        fed = [[known[BOS], *tokens_of(task, texts[i]), *written[i]] for i in part]
        hidden = hidden_states(model, fed)
        for i, states in zip(part, hidden, strict=True):
            ends = step_ends(task, written[i])
            found.append(states[torch.tensor([len(texts[i]), *[len(texts[i]) + end for end in ends]])])
            rows += [i] * (len(ends) + 1)
            depths += range(len(ends) + 1)
    prompt = np.repeat(np.arange(len(prompts)), each)
    return Rollouts(prompt, np.array(passed), np.array(rows), np.array(depths), torch.cat(found))


def step_ends(task: TrainingTask, tokens: Sequence[int]) -> list[int]:
    """How many tokens the unfinished prefixes of a completion have: a step ends behind a stop or at its most tokens."""
    known, rule, ends, start = vocabulary(task.alphabet), task.card["steps"], list[int](), 0
    stops = {known[stop] for stop in rule["stops"]}
    for at, token in enumerate(tokens, 1):
        if token == known[EOS] or at == task.tokens or len(ends) + 1 == task.card["max_steps"]:
            break
        if token in stops or at - start == rule["tokens"]:
            ends.append(at)
            start = at
    return ends


def fit_head(model: LlamaForCausalLM, task: TrainingTask, seed: int, rollouts: int | None = None) -> dict[str, Tensor]:
    """`weight` (1, H) and `bias` (1,), from rollouts on prompts that are not held out."""
    began, count = time.process_time(), (rollouts or task.head_rollouts) // _ROLLOUTS_PER_PROMPT
    prompts = task.prompts(np.random.default_rng([2, seed]), count, False)
    seen = roll_out(model, task, prompts, _ROLLOUTS_PER_PROMPT, seed)
    passed = torch.from_numpy(seen.passed[seen.row].astype(np.float64))
    head = _regression(seen.hidden.double(), passed)
    told = task.name, len(seen.passed), float(seen.passed.mean()), time.process_time() - began
    _log.info("%s: value head from %d own rollouts, %.3f right, %.0f CPU seconds", *told)
    return head


def _regression(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Logistic regression on standardised columns by L-BFGS, told in the columns' own units."""
    mean, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    z = (x - mean) / spread
    weight, bias = torch.zeros(x.shape[1], dtype=x.dtype), torch.logit(y.mean().clamp(1e-4, 1 - 1e-4))
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimiser: Any = torch.optim.LBFGS(parameters, max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        fit = torch.nn.functional.binary_cross_entropy_with_logits(z @ weight + bias, y)
        total = fit + _RIDGE * weight.square().sum()
        total.backward()
        return total

    optimiser.step(loss)
    slope = (weight / spread).detach()
    return {"weight": slope[None].float(), "bias": (bias.detach() - slope @ mean)[None].float()}


def head_values(head: dict[str, Tensor], hidden: Tensor) -> NDArray[np.float64]:
    """V: (m, H) -> (m,)."""
    logits = hidden.double() @ head["weight"][0].double() + head["bias"].double()
    return torch.sigmoid(logits).numpy()
