"""Small Llamas, and what is computed with them: tokens of texts, hidden states, completions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from burnish_workers.kinds.reasoning.training.characters import BOS, EOS, PAD, vocabulary
from burnish_workers.kinds.reasoning.training.task import TrainingTask

_ROWS = 1_024


def llama(task: TrainingTask, seed: int) -> LlamaForCausalLM:
    """An untrained Llama of the task's shape, as the seed initialises it; attention is grouped with as many keys."""
    known, shape = vocabulary(task.alphabet), task.shape
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(known),
                hidden_size=shape.hidden,
                intermediate_size=shape.intermediate,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.heads,
                max_position_embeddings=shape.context,
                tie_word_embeddings=False,
                pad_token_id=known[PAD],
                bos_token_id=known[BOS],
                eos_token_id=known[EOS],
                dtype="float32",
            )
        )


def tokens_of(task: TrainingTask, text: str) -> list[int]:
    """Token ids of a text over the task's alphabet, without <bos> and <eos>."""
    known = vocabulary(task.alphabet)
    return [known[character] for character in text]


def padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    """Rows of different lengths, filled up at their ends: (n, longest), int64."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows])


@torch.no_grad()
def hidden_states(model: LlamaForCausalLM, rows: Sequence[Sequence[int]]) -> Tensor:
    """After the final norm, at every token: (n, longest, H). Causal, so that filling at the ends changes nothing."""
    ids = padded(rows, 0)
    trunk: Any = model.model
    return torch.cat([trunk(input_ids=part, use_cache=False).last_hidden_state for part in ids.split(_ROWS)])


@torch.no_grad()
def complete(model: LlamaForCausalLM, task: TrainingTask, texts: Sequence[str], seed: int) -> list[list[int]]:
    """One completion of each text by the model's own law: token ids up to <eos>, at most `task.tokens`.

    Texts of one length go together, so that no row is filled up.
    """
    generator, by_length = torch.Generator().manual_seed(seed), defaultdict[int, list[int]](list)
    for i, text in enumerate(texts):
        by_length[len(text)].append(i)
    found: list[list[int]] = [[] for _ in texts]
    for length in sorted(by_length):
        for at in range(0, len(by_length[length]), _ROWS):
            places = by_length[length][at : at + _ROWS]
            ids = torch.tensor([tokens_of(task, texts[i]) for i in places])
            for i, row in zip(places, _completed(model, task, ids, generator), strict=True):
                found[i] = row
    return found


def _completed(model: Any, task: TrainingTask, ids: Tensor, generator: torch.Generator) -> list[list[int]]:
    known = vocabulary(task.alphabet)
    begin, end = known[BOS], known[EOS]
    fed, cache, drawn = torch.cat([torch.full((len(ids), 1), begin), ids], 1), None, list[Tensor]()
    done = torch.zeros(len(ids), dtype=torch.bool)
    for _ in range(task.tokens):
        out = model(input_ids=fed, cache=cache, use_cache=True, logits_to_keep=1)
        cache = out.cache
        fed = torch.multinomial(out.logits[:, -1].softmax(-1), 1, generator=generator)
        drawn.append(fed[:, 0])
        done |= fed[:, 0] == end
        if done.all():
            break
    rows = torch.stack(drawn, 1).tolist()
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


def text_of(task: TrainingTask, tokens: Sequence[int]) -> str:
    """What was written, special tokens left out."""
    first = len(vocabulary(""))
    return "".join(task.alphabet[token - first] for token in tokens if token >= first)
