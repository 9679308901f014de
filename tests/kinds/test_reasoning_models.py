"""The language models that are shipped: their directories, their prompts, how good they are, how they are made."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from burnish.wire.specs.language import AnswerRule, StepRule
from burnish_workers.kinds.reasoning import train
from burnish_workers.kinds.reasoning.references.dyck import Truth, completions
from burnish_workers.kinds.reasoning.training import directory
from burnish_workers.kinds.reasoning.training.calibration import auc, base_success, calibration_error, reliability
from burnish_workers.kinds.reasoning.training.characters import vocabulary
from burnish_workers.kinds.reasoning.training.fitting import batch, fit, loss_of
from burnish_workers.kinds.reasoning.training.llama import complete, hidden_states, text_of, tokens_of
from burnish_workers.kinds.reasoning.training.measure import measured
from burnish_workers.kinds.reasoning.training.report import report
from burnish_workers.kinds.reasoning.training.task import is_held_out
from burnish_workers.kinds.reasoning.training.value_head import head_values, step_ends

NAMES = sorted(train.TASKS)
README = Path(train.__file__).with_name("README.md")


@lru_cache
def trained(name: str) -> directory.Trained:
    return directory.read(train.SHIPPED / name)


def card(name: str) -> dict:
    return json.loads((train.SHIPPED / name / directory.CARD).read_text())


def test_all_that_is_shipped_stays_below_two_megabytes():
    assert sorted(folder.name for folder in train.SHIPPED.iterdir()) == NAMES
    assert sum(file.stat().st_size for file in train.SHIPPED.rglob("*")) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_loads_offline_and_silently(name: str, monkeypatch, caplog, capfd):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = train.SHIPPED / name
    logging.getLogger("transformers").addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING):
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = AutoModelForCausalLM.from_pretrained(folder)
    finally:
        logging.getLogger("transformers").removeHandler(caplog.handler)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "warn" not in capfd.readouterr().err.lower()
    task, known = train.TASKS[name], vocabulary(train.TASKS[name].alphabet)
    assert model.dtype == torch.float32
    assert model.num_parameters() == card(name)["parameters"] < 350_000
    assert model.config.vocab_size == len(tokenizer) == len(known)
    for special in ("pad", "bos", "eos"):
        assert getattr(model.config, f"{special}_token_id") == getattr(tokenizer, f"{special}_token_id")
    assert tokenizer.model_max_length == model.config.max_position_embeddings == task.shape.context
    head = load_file(folder / directory.HEAD)
    assert {key: tuple(value.shape) for key, value in head.items()} == {"weight": (1, task.shape.hidden), "bias": (1,)}
    assert all(torch.isfinite(value).all() for value in [*head.values(), *model.state_dict().values()])


@pytest.mark.parametrize("name", NAMES)
def test_a_tokenizer_gives_back_what_it_read(name: str):
    task, tokenizer = train.TASKS[name], AutoTokenizer.from_pretrained(train.SHIPPED / name)
    for prompt in [task.alphabet, *task.problems(3, 20)]:
        ids = tokenizer(prompt)["input_ids"]
        assert ids == [tokenizer.bos_token_id, *tokens_of(task, prompt)]
        assert tokenizer.decode(ids, skip_special_tokens=True) == prompt
        assert tokenizer.decode([*ids[1:], tokenizer.eos_token_id]) == prompt + tokenizer.eos_token
        assert text_of(task, [*ids, tokenizer.eos_token_id]) == prompt
    assert tokenizer("é", add_special_tokens=False)["input_ids"] == [tokenizer.unk_token_id]
    middle = len(task.alphabet) // 2
    said = [("user", task.alphabet[:middle]), ("assistant", task.alphabet[middle:])]
    turns = [{"role": role, "content": content} for role, content in said]
    assert tokenizer.apply_chat_template(turns, return_dict=False) == tokenizer(task.alphabet)["input_ids"]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_a_request_may_leave_out(name: str):
    found, task = card(name), train.TASKS[name]
    StepRule.model_validate(found["steps"])
    TypeAdapter(AnswerRule).validate_python(found["answer"])
    assert {key: found[key] for key in task.card} == task.card
    assert found["prompts"] == task.problems(0, len(found["prompts"]))
    assert found["options"] == {"seed": 0, **dataclasses.asdict(task.fit), "head_rollouts": task.head_rollouts}
    longest = max(len(prompt) for prompt in task.problems(0, 200)) + 1
    assert longest + found["max_steps"] * found["steps"]["tokens"] <= task.shape.context


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_of_the_readme_are_those_of_the_cards(name: str):
    assert report(name, card(name)) in README.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_held_out_prompts_go_by_their_seed_and_are_never_trained_on(name: str):
    task = train.TASKS[name]
    prompts = task.problems(7, 50)
    assert prompts == task.problems(7, 50)
    assert prompts[:20] == task.problems(7, 20)
    assert prompts != task.problems(8, 50)
    assert len(set(prompts)) == 50
    assert all(map(is_held_out, prompts))
    generator = np.random.default_rng(0)
    assert not any(map(is_held_out, task.prompts(generator, 50, False)))
    for context, continuation in task.examples(generator, 300):
        prompt = context or continuation[:16]
        assert not is_held_out(prompt)
        assert task.passes(context, continuation)
        assert len(continuation) < (task.tokens if context else 33)
        assert set(context + continuation) <= set(task.alphabet)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_as_good_as_its_card_says_on_other_prompts(name: str):
    """96 prompts of another seed, 8 rollouts each: within five standard errors; the value head beats chance."""
    expected, seen = card(name)["calibration"], measured(trained(name), train.TASKS[name], 96, 8, seed=11)
    success, told = seen["success"], expected["success"]
    spread = math.hypot(success["upper"] - success["lower"], told["upper"] - told["lower"]) / (2 * 1.96)
    assert abs(success["mean"] - told["mean"]) < 5 * spread
    assert success["mean"] > 0
    for found, before in zip(seen["depths"][1:], expected["depths"][1:], strict=False):
        if found["prefixes"] >= 300:
            assert found["auc"] > 0.55
            assert abs(found["auc"] - before["auc"]) < 0.2


def test_base_success_is_in_the_band_of_the_tasks():
    assert 0.01 <= card("dyck")["calibration"]["success"]["mean"] <= 0.08
    assert 0.1 <= card("arithmetic")["calibration"]["success"]["mean"] <= 0.4


@pytest.mark.parametrize("name", NAMES)
def test_completions_go_by_their_seed_and_follow_the_law(name: str):
    """The second token's frequencies against the model's own chances, 1,000 draws: chi-squared at 1e-6."""
    task, model = train.TASKS[name], trained(name).model
    (prompt,) = task.problems(5, 1)
    written = complete(model, task, [prompt] * 1_000, seed=3)
    assert written[:5] == complete(model, task, [prompt] * 1_000, seed=3)[:5]
    first = max({row[0] for row in written}, key=[row[0] for row in written].count)
    rows = [row for row in written if row[0] == first]
    with torch.no_grad():
        ids = torch.tensor([[vocabulary("")["<bos>"], *tokens_of(task, prompt), first]])
        chances = model(input_ids=ids).logits[0, -1].double().softmax(-1).numpy()
    counts = np.bincount([row[1] for row in rows], minlength=len(chances))
    common = chances * len(rows) > 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(chances[common], chances[~common].sum()) * len(rows)
    statistic = ((observed - expected) ** 2 / np.maximum(expected, 1)).sum()
    assert statistic < 24 + 6 * common.sum()


def test_dyck_completions_are_all_that_balance_a_prompt():
    task, prompt = train.TASKS["dyck"], "[" * 11 + "()" + "[]["[:3]
    found = completions(prompt)
    assert len(set(found)) == len(found)
    assert all(task.passes(prompt, text) for text in found)
    left = prompt.count("[") - prompt.count("]")
    paths = math.comb(16, (16 - left) // 2) - math.comb(16, (16 - left) // 2 - 1)
    assert sum(len(text) == 16 for text in found) == paths * 2 ** ((16 - left) // 2)


def test_the_exact_chance_of_dyck_is_what_rollouts_find():
    task, own = train.TASKS["dyck"], trained("dyck")
    truths = [Truth(own, prompt) for prompt in task.problems(1, 8)]
    exact = np.array([truth.success for truth in truths])
    prompts = [truth.prompt for truth in truths for _ in range(256)]
    passed = [
        task.passes(prompt, text_of(task, row))
        for prompt, row in zip(prompts, complete(own.model, task, prompts, seed=2), strict=True)
    ]
    seen = np.reshape(passed, (8, 256)).mean(1)
    assert np.all(np.abs(seen - exact) < 5 * np.sqrt(exact * (1 - exact) / 256) + 5 / 256)
    assert abs(seen.mean() - exact.mean()) < 5 * math.sqrt((exact * (1 - exact)).sum() / 256) / 8


def test_exact_values_of_dyck_are_means_of_what_follows():
    own = trained("dyck")
    truth = Truth(own, train.TASKS["dyck"].problems(1, 1)[0])
    assert truth.value("") == pytest.approx(truth.success, rel=1e-9)
    assert sum(truth.posterior.values()) == pytest.approx(1, rel=1e-9)
    right = max(truth.chances, key=truth.chances.__getitem__)
    task = train.TASKS["dyck"]
    for length in (0, 5, 10):
        ids = torch.tensor([[vocabulary("")["<bos>"], *tokens_of(task, truth.prompt + right[:length])]])
        with torch.no_grad():
            chances = own.model(input_ids=ids).logits[0, -1].double().softmax(-1)
        known = vocabulary(task.alphabet)
        mean = sum(float(chances[known[c]]) * truth.value(right[:length] + c) for c in task.alphabet)
        ended = float(chances[known["<eos>"]]) * task.passes(truth.prompt, right[:length])
        assert mean + ended == pytest.approx(truth.value(right[:length]), rel=1e-6)


def test_prefixes_end_where_steps_do():
    dyck, sums = train.TASKS["dyck"], train.TASKS["arithmetic"]
    assert step_ends(dyck, tokens_of(dyck, "(" * 16)) == [2, 4, 6, 8, 10, 12, 14]
    end = [vocabulary("")["<eos>"]]
    assert step_ends(dyck, tokens_of(dyck, "()()") + end) == [2, 4]
    assert step_ends(sums, tokens_of(sums, "1+2-3\n3-3\n0") + end) == [6, 10]
    assert step_ends(sums, tokens_of(sums, "1" * 30 + "\n0") + end) == [16, 31]
    assert step_ends(sums, tokens_of(sums, "1\n" * 9)) == [2, 4, 6, 8]


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_head_at_the_last_token(name: str):
    own, task = trained(name), train.TASKS[name]
    row = [vocabulary("")["<bos>"], *tokens_of(task, task.problems(0, 1)[0])]
    alone, filled = hidden_states(own.model, [row]), hidden_states(own.model, [row, row + row[1:]])
    assert torch.allclose(alone[0, -1], filled[0, len(row) - 1], atol=1e-5)
    with torch.no_grad():
        final = own.model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states[-1][0, -1]
    logit = float(final.double() @ own.head["weight"][0].double() + own.head["bias"].double())
    assert head_values(own.head, alone[:, -1])[0] == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_training_lowers_the_loss_and_goes_by_its_seed(name: str):
    task = train.TASKS[name]
    small = dataclasses.replace(task, fit=dataclasses.replace(task.fit, steps=12, batch=16))
    model, losses = fit(small, seed=1)
    again, same = fit(small, seed=1)
    assert losses == same
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    fresh = batch(task, np.random.default_rng(9))
    assert losses[0] == pytest.approx(math.log(len(task.alphabet) + 4), abs=0.15)
    assert loss_of(model, *fresh).item() < losses[0] - 0.1


def test_a_model_is_trained_measured_and_written(tmp_path: Path):
    task = train.TASKS["dyck"]
    small = dataclasses.replace(task, fit=dataclasses.replace(task.fit, steps=8, batch=16), head_rollouts=64)
    model, _ = fit(small, 0)
    head = train.fit_head(model, small, 0)
    made = directory.Trained(model, head)
    directory.write(made, small, {"summary": "small"}, tmp_path / "dyck")
    found = directory.read(tmp_path / "dyck")
    assert all(torch.equal(found.head[key], head[key]) for key in head)
    shown = [file.name for file in (tmp_path / "dyck").iterdir()]
    assert sorted(shown) == sorted(file.name for file in (train.SHIPPED / "dyck").iterdir())
    assert measured(found, small, 8, 2) == measured(made, small, 8, 2)


def test_the_command_says_what_is_missing_and_reports(monkeypatch, capsys, caplog):
    monkeypatch.setattr("sys.argv", ["train"])
    with pytest.raises(SystemExit):
        train.main()
    assert "--out" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["train", "--report", "--task", "dyck"])
    with caplog.at_level(logging.INFO):
        train.main()
    assert report("dyck", card("dyck")) in caplog.text


def test_auc_counts_pairs():
    generator = np.random.default_rng(0)
    value, right = generator.integers(0, 6, 60) / 6, generator.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in value[right] for b in value[~right]]
    assert auc(value, right) == pytest.approx(np.mean(pairs))
    assert auc(value, np.zeros(60, dtype=bool)) is None


def test_calibration_error_is_small_for_true_values_alone():
    generator = np.random.default_rng(1)
    value = generator.random(50_000) ** 2
    right = generator.random(50_000) < value
    assert calibration_error(reliability(value, right)) < 0.01
    assert calibration_error(reliability(value**2, right)) > 0.08
    bins = reliability(value, right, 4)
    assert [each["prefixes"] for each in bins] == [12_500] * 4
    assert bins[0]["value"] < bins[-1]["value"]


def test_the_interval_of_base_success_goes_over_prompts():
    """Rollouts of a prompt that are all alike count once."""
    prompt, passed = np.repeat(np.arange(40), 10), np.repeat(np.arange(40) % 4 == 0, 10)
    found = base_success(passed, prompt)
    assert found["mean"] == 0.25
    half = 2.0227 * math.sqrt(0.25 * 0.75 / 39)
    assert found["upper"] - found["mean"] == pytest.approx(half, abs=1e-3)
