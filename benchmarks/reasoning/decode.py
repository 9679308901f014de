"""Generated tokens per second of the decoder of language models, beside bare `generate` of transformers.

    OMP_NUM_THREADS=1 python benchmarks/reasoning/decode.py

A Llama of random weights (6 layers, width 256), a prompt of 32 characters, B rows of 64 tokens in steps of 8.

    generate        one call for all rows: what there is to reach. Its reading of the prompt is left out
    lock step       all rows write steps of 8 tokens; no two wait for each other, but all are equally long
    ragged          steps end at stops, so that they have all lengths; who is finished begins anew
    rollback        lock step, every other step is thrown away and written again from where it began
    recompute       what a caller without memory does: generate each step from the whole text so far, same rollbacks

Also said: the share of places in the passes that held a row. Rates are by the CPU time of the process unless it runs on
a GPU: on a machine that others use, wall time says more about them. Run it with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from cells import publish
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokenizers.decoders import Fuse
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from burnish.wire.specs.language import LanguageProblem, StepRule
from burnish_workers.kinds.reasoning.backends.language.backend import LanguageBackend
from burnish_workers.kinds.reasoning.backends.language.decoder import Decoder
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel, read_directory
from burnish_workers.kinds.reasoning.backends.language.setup import Setup
from burnish_workers.kinds.reasoning.backends.language.weights import Weights, load
from burnish_workers.kinds.reasoning.protocols import Extension, Prefix
from burnish_workers.kinds.reasoning.source import Random

ALPHABET = [chr(0x4E00 + i) for i in range(510)]
PROMPT, TOKENS, STEP, ROWS = 32, 64, 8, 32


def write_model(folder: Path) -> Path:
    words = ["<pad>", "<eos>", *ALPHABET]
    bare = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    bare.pre_tokenizer, bare.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), Fuse()
    PreTrainedTokenizerFast(tokenizer_object=bare, pad_token="<pad>", eos_token="<eos>").save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(words), max_position_embeddings=4_096, eos_token_id=None, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def backend_of(weights: Weights, model: LanguageModel, rows: int, stops: list[str], tokens: int) -> LanguageBackend:
    prompt = "".join(np.random.default_rng(0).choice(ALPHABET, PROMPT))
    problem = LanguageProblem(type="language", model="bench", prompt=prompt)
    setup = Setup(model, problem, StepRule(stops=stops, tokens=tokens), model.answer, TOKENS)
    return LanguageBackend(setup, Decoder(weights, rows, 128))


def stepwise(backend: LanguageBackend, rows: int, total: int, *, rollback: bool) -> int:
    """Chains that write steps, as many at once as there are rows; tokens generated."""
    stream, generated, seeds = backend.stream(), 0, iter(range(10**9))
    chains = dict[int, tuple[Prefix, int]]()

    def begin(prefix: Prefix, turn: int) -> None:
        source = Random(np.random.default_rng(next(seeds)))
        chains[stream.submit(Extension(prefix, 1, source, inner=False))] = prefix, turn

    for _ in range(rows):
        begin((), 0)
    while generated < total:
        for ticket, (drawn,) in stream.advance():
            prefix, turn = chains.pop(ticket)
            generated += drawn.tokens
            kept = prefix if rollback and turn % 2 else (*prefix, drawn.step)
            begin(kept if sum(map(len, kept)) < TOKENS else (), turn + 1)
    stream.close()
    return generated


def generating(whole: torch.nn.Module, rows: int) -> Iterator[tuple[float, int]]:
    """CPU seconds that go off for the prompt alone, then for everything, and the tokens between."""
    ids = torch.randint(2, 500, (1, PROMPT), device=whole.device).expand(rows, -1)
    for count in (1, TOKENS):
        began = clock()
        whole.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=True, pad_token_id=0)
        yield clock() - began, rows * count


def recomputing(whole: torch.nn.Module, rows: int) -> int:
    ids, generated, turn = torch.randint(2, 500, (rows, PROMPT), device=whole.device), 0, 0
    while ids.shape[1] < PROMPT + TOKENS:
        mask = torch.ones_like(ids)
        longer = whole.generate(ids, attention_mask=mask, max_new_tokens=STEP, do_sample=True, pad_token_id=0)
        generated, turn, ids = generated + rows * STEP, turn + 1, ids if turn % 2 else longer
    return generated


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def rate(work: Callable[[], int]) -> float:
    began = clock()
    return work() / (clock() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recompute", action="store_true", help="measure that, too: it takes most of the time")
    given = parser.parse_args()
    rows, device = given.rows, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as name:
        model = read_directory("bench", write_model(Path(name)))
        weights = load(model, device)
        whole = AutoModelForCausalLM.from_pretrained(name, dtype=weights.dtype).to(device).eval()
        lock = backend_of(weights, model, rows, [], STEP)
        ragged = backend_of(weights, model, rows, ALPHABET[:480:120], 4 * STEP)
        rates: dict[str, list[float]] = {}
        total = rows * TOKENS
        for backend in (lock, ragged):
            stepwise(backend, rows, rows * STEP, rollback=False)  # warms up
            backend.decoder.passes = backend.decoder.fed = 0
        for _ in range(given.repeats):
            (short, first), (long, last) = generating(whole, rows)
            found = {
                "generate": (last - first) / (long - short),
                "lock step": rate(lambda: stepwise(lock, rows, total, rollback=False)),
                "ragged": rate(lambda: stepwise(ragged, rows, total, rollback=False)),
                "rollback": rate(lambda: stepwise(lock, rows, total, rollback=True)),
            }
            if given.recompute:
                found["recompute"] = rate(lambda: recomputing(whole, rows))
            for each, value in found.items():
                rates.setdefault(each, []).append(value)
    share = {
        each: backend.decoder.fed / backend.decoder.passes / rows
        for each, backend in (("lock step", lock), ("ragged", ragged))
    }
    found = [
        {
            "way": each,
            "rate": float(np.median(values)),
            "ratio": float(np.median(np.array(values) / np.array(rates["generate"]))),
            "used": share.get(each),
        }
        for each, values in rates.items()
    ]
    for each in found:
        print(each)
    if device.type == "cpu" and rows == ROWS:
        publish(
            "decode", f"python benchmarks/reasoning/decode.py --repeats {given.repeats}", found, rounds=given.repeats
        )


if __name__ == "__main__":
    main()
