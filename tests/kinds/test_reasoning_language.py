"""The decoder of language models: bits that do not depend on company, laws that are the model's, rollbacks for free."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from burnish.wire.specs.language import LanguageProblem, StepRule
from burnish_workers.kinds.reasoning.backends.language.backend import LanguageBackend
from burnish_workers.kinds.reasoning.backends.language.decoder import Decoder
from burnish_workers.kinds.reasoning.backends.language.directory import read_directory
from burnish_workers.kinds.reasoning.backends.language.sampling import tokens_of
from burnish_workers.kinds.reasoning.backends.language.setup import Setup
from burnish_workers.kinds.reasoning.backends.language.weights import load
from burnish_workers.kinds.reasoning.protocols import Extension, Prefix
from burnish_workers.kinds.reasoning.source import Random

from .tiny_language import write_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return read_directory("tiny", write_tiny(tmp_path_factory.mktemp("tiny"), context=256))


@pytest.fixture(scope="module")
def weights(model):
    return load(model, torch.device("cpu"))


def setup_with(model, prompt="ab=", *, depth=4, tokens=6, stops=(";",), **law) -> Setup:
    problem = LanguageProblem(type="language", model="tiny", prompt=prompt, **law)
    return Setup(model, problem, StepRule(stops=list(stops), tokens=tokens), model.answer, depth)


def backend_on(decoder: Decoder, model, prompt="ab=", **more) -> LanguageBackend:
    return LanguageBackend(setup_with(model, prompt, **more), decoder)


def row(prefix: Prefix, seed: int, count: int = 1) -> Extension:
    return Extension(prefix, count, Random(np.random.default_rng(seed)))


def prefixes_of(backend: LanguageBackend, count: int, seed: int) -> list[Prefix]:
    """Unfinished ones of different lengths."""
    found, rng = [()], np.random.default_rng(seed)
    while len(found) < count:
        parent = found[rng.integers(len(found))]
        ((drawn,),) = backend.extend([row(parent, int(rng.integers(2**31)))])
        longer = (*parent, drawn.step)
        if len(longer) < backend.depth and not backend.ends(longer):
            found.append(longer)
    return found


def test_a_row_gets_the_same_bits_alone_and_in_any_company(model, weights):
    """Alone in a decoder that knows nothing; beside others, in any order, among the remains of earlier rows."""
    prefixes = prefixes_of(backend_on(Decoder(weights, 8, 64), model), 20, 1)
    alone = []
    for i, prefix in enumerate(prefixes):
        backend = backend_on(Decoder(weights, 8, 64), model)
        (drawn,) = backend.extend([row(prefix, i, 1 + i % 3)])
        children = [(*prefix, each.step) for each in drawn]
        inner = [child for child in children if len(child) < 4 and not backend.ends(child)]
        alone.append((drawn, backend.log_values([prefix, *inner])))
    crowded = Decoder(weights, 8, 64)
    other = backend_on(crowded, model, "ba=a", temperature=1.7, top_p=0.8)
    for repeat in range(3):
        backend = backend_on(crowded, model)
        order = np.random.default_rng(repeat).permutation(len(prefixes))
        streams = [backend.stream(), other.stream()]
        for i in range(12):
            streams[1].submit(row((), 900 + i))
        tickets = {streams[0].submit(row(prefixes[i], int(i), 1 + int(i) % 3)): i for i in order}
        found = {}
        while len(found) < len(tickets):
            found.update({tickets[ticket]: drawn for ticket, drawn in streams[0].advance()})
        for i, (drawn, values) in enumerate(alone):
            assert found[i] == drawn
            children = [(*prefixes[i], each.step) for each in drawn]
            inner = [child for child in children if len(child) < 4 and not backend.ends(child)]
            assert backend.log_values([prefixes[i], *inner]) == values
        streams[1].close()


@pytest.mark.parametrize("size", [5, 32])
def test_a_row_gets_the_same_bits_in_every_slot(weights, size):
    """Hidden states of one text, in all rows of a batch at once, while others are elsewhere in other texts."""
    generator = torch.Generator().manual_seed(0)
    from burnish_workers.kinds.reasoning.backends.language.memory import Memory

    memory, text = Memory(size, 40, weights.layers), torch.randint(3, 7, (30,), generator=generator)
    places = torch.arange(41)
    for step in range(30):
        at = torch.full((size, 1), step)
        memory.write_at(at)
        mask = (places <= at)[:, None, None]
        hidden = weights.hidden(text[step].expand(size, 1), at, mask, memory)[:, 0]
        assert torch.equal(hidden, hidden[:1].expand_as(hidden))
        logits = weights.head(hidden)
        assert torch.equal(logits, logits[:1].expand_as(logits))


def test_going_back_takes_no_pass(model, weights):
    decoder = Decoder(weights, 4, 64)
    backend = backend_on(decoder, model, depth=8, stops=())
    ((first,),) = backend.extend([row((), 1)])
    path = (first.step,)
    ((second,),) = backend.extend([row(path, 2)])
    ((third,),) = backend.extend([row((*path, second.step), 3)])
    assert not backend.ends((*path, second.step, third.step))
    fed = decoder.fed
    for depth in (2, 1, 0, 2):
        ((drawn,),) = backend.extend([row((first.step, second.step)[:depth], 10 + depth)])
        looked = not backend.ends((drawn.step,))
        assert decoder.fed - fed == drawn.tokens - 1 + looked, "only what was drawn is fed, the last for its value"
        fed = decoder.fed
    decoder.reads = 0
    backend.log_values([(), path, (*path, second.step)])
    assert (decoder.fed, decoder.reads) == (fed, 0)


def test_what_a_slot_lost_is_fed_again(model, weights):
    """More texts than slots."""
    decoder = Decoder(weights, 2, 64)
    backend = backend_on(decoder, model, depth=8, stops=())
    prefixes = prefixes_of(backend, 9, 3)
    fresh = backend_on(Decoder(weights, 2, 64), model, depth=8, stops=())
    for i, prefix in enumerate(prefixes):
        assert backend.extend([row(prefix, i)]) == fresh.extend([row(prefix, i)])


def test_forgotten_rows_leave_nothing_behind(model, weights):
    decoder = Decoder(weights, 4, 64)
    backend = backend_on(decoder, model)
    expected = backend_on(Decoder(weights, 4, 64), model).extend([row((), 7, 6)])
    stream = backend.stream()
    for i in range(9):
        stream.submit(row((), i))
    for _ in range(5):
        stream.advance()
    stream.close()
    assert backend.extend([row((), 7, 6)]) == expected


def test_a_long_prompt_is_read_in_parts_as_it_would_be_at_once(model, weights):
    prompt = "ab=ba;" * 15
    backend = backend_on(Decoder(weights, 4, 128), model, prompt)
    tokens = torch.tensor([backend.tokens])
    own = weights.trunk(input_ids=tokens, use_cache=False).last_hidden_state[0, -1]
    found = backend.decoder.prompt(backend.tokens).mark.hidden
    assert backend.decoder.reads == math.ceil(len(prompt) / 32)
    assert torch.allclose(found, own, atol=1e-5)


def logits_of(weights, tokens) -> np.ndarray:
    hidden = weights.trunk(input_ids=torch.tensor([list(tokens)]), use_cache=False).last_hidden_state[0, -1]
    return weights.head(hidden).double().numpy()


def law_of(weights, tokens, temperature=1.0, top_p=1.0) -> np.ndarray:
    """p of the next token, by definition."""
    scaled = logits_of(weights, tokens) / temperature
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    kept = order[: int((np.cumsum(p[order]) < top_p - 1e-12).sum()) + 1]
    cut = np.zeros_like(p)
    cut[kept] = p[kept]
    return cut / cut.sum()


@pytest.mark.parametrize("law", [{}, {"temperature": 0.6}, {"temperature": 2.0, "top_p": 0.7}])
def test_steps_have_the_law_of_the_model(model, weights, law):
    """Chi-squared of steps of up to two tokens, stops and ends included, against the product of the model's laws."""
    backend = backend_on(Decoder(weights, 32, 64), model, tokens=2, **law)
    prompt, count = backend.tokens, 6_000
    first = law_of(weights, prompt, **law)
    expected = {}
    for a in range(7):
        if a in (1, 5):  # the end token, and ';'
            expected[(a,)] = first[a]
        elif first[a] > 0:
            second = law_of(weights, (*prompt, a), **law)
            expected |= {(a, b): first[a] * second[b] for b in range(7)}
    (drawn,) = backend.extend([row((), 5, count)])
    seen = {}
    for each in drawn:
        assert each.tokens == len(each.step)
        seen[each.step] = seen.get(each.step, 0) + 1
    assert all(expected[step] > 0 for step in seen)
    large = [step for step, p in expected.items() if p * count >= 10]
    rest = 1 - sum(expected[step] for step in large)
    pairs = [(seen.get(step, 0), expected[step] * count) for step in large]
    if rest * count >= 5:
        pairs.append((count - sum(n for n, _ in pairs), rest * count))
    statistic = sum((n - e) ** 2 / e for n, e in pairs)
    assert len(pairs) >= 3
    assert chi2.sf(statistic, len(pairs) - 1) > 1e-6


def test_tokens_invert_the_distribution_function():
    logits = torch.log(torch.tensor([[0.1, 0.0, 0.5, 0.4]])).repeat(7, 1)
    ones, top_p = torch.ones(7, dtype=torch.float64), torch.tensor([1, 1, 1, 1, 0.4, 0.6, 0.6], dtype=torch.float64)
    uniform = torch.tensor([0.0, 0.0999, 0.1001, 1 - 2**-53, 0.99, 0.5, 0.9], dtype=torch.float64)
    tokens, log_p = tokens_of(logits, ones, top_p, uniform)
    assert tokens.tolist() == [0, 0, 2, 3, 2, 2, 3]
    assert torch.allclose(log_p.exp(), torch.tensor([0.1, 0.1, 0.5, 0.4, 1.0, 5 / 9, 4 / 9], dtype=torch.float64))
    with pytest.raises(ValueError, match="not numbers"):
        tokens_of(torch.full((2, 3), math.nan), ones[:2], ones[:2], ones[:2] / 2)


def test_values_are_those_of_the_head_on_the_trunk(model, weights):
    backend = backend_on(Decoder(weights, 8, 64), model)
    weight, bias = weights.value
    for prefix in prefixes_of(backend, 8, 4):
        tokens = [*backend.tokens, *(token for step in prefix for token in step)]
        hidden = weights.trunk(input_ids=torch.tensor([tokens]), use_cache=False).last_hidden_state[0, -1].double()
        expected = math.log(1 / (1 + math.exp(-float(hidden @ weight + bias))))
        assert backend.log_values([prefix]) == pytest.approx([expected], abs=1e-5)


def test_a_step_ends_at_a_stop_an_end_or_its_length(model, weights):
    backend = backend_on(Decoder(weights, 8, 64), model, stops=("ab", ";"), tokens=5)
    (drawn,) = backend.extend([row((), 11, 300)])
    ends = set()
    for each in drawn:
        text = backend.text((each.step,))
        if backend.ends((each.step,)):
            ends.add("end")
        elif text.endswith(("ab", ";")):
            ends.add(text[-1])
            assert "ab" not in text[:-1]
            assert ";" not in text[:-1]
        else:
            ends.add("length")
            assert len(each.step) == 5
    assert ends == {"end", "b", ";", "length"}


def test_words_are_what_steps_add(model, weights):
    backend = backend_on(Decoder(weights, 8, 64), model)
    for prefix in prefixes_of(backend, 10, 6):
        assert "".join(backend.words(prefix)) == backend.text(prefix)
        assert len(backend.words(prefix)) == len(prefix)


def test_every_token_of_the_law_is_possible():
    """A wrong sign in the search would leave out the first or the last."""
    logits = torch.zeros(64, 4)
    uniform = torch.linspace(0, 1, 65, dtype=torch.float64)[:64]
    ones = torch.ones(64, dtype=torch.float64)
    tokens, _ = tokens_of(logits, ones, ones, uniform)
    assert [int((tokens == k).sum()) for k in range(4)] == [16, 16, 16, 16]
