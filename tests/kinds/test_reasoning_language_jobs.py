"""Whole jobs with a language model: the enumerated posterior, groups of chains, shared batches, errors at the door."""

from __future__ import annotations

import json
import re
import shutil
import threading
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.core.rendezvous import HERE
from burnish_workers.core.report import report, schedule_of
from burnish_workers.kinds.reasoning.backends.language.directory import ModelError, read_directory
from burnish_workers.kinds.reasoning.backends.language.registered import (
    ROWS,
    VARIABLE,
    fingerprint,
    micro_batch,
    model_named,
)
from burnish_workers.kinds.reasoning.backends.language.weights import load
from burnish_workers.kinds.reasoning.carry import carried, chains_of
from burnish_workers.testing import ChaosFleet, lawful_digests

from ..laws.bench import House, unlawful
from .test_reasoning_language import law_of
from .tiny_language import write_tiny

KIND = registry().get("reasoning")
CARD = {
    "steps": {"stops": [";"], "tokens": 4},
    "max_steps": 3,
    "answer": {"type": "last_step"},
    "check": {"type": "pattern", "pattern": "b"},
    "prompts": ["ab="],
}


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory):
    found = write_tiny(tmp_path_factory.mktemp("jobs"), card=CARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"tiny={found}")
        yield found


def body(prompt: str = "ab=", **more: Any) -> dict[str, Any]:
    problem = {"type": "language", "model": "tiny", "prompt": prompt, **more.pop("problem", {})}
    return {"kind": "reasoning", "problem": problem, "particles": 4, "budget": {"units": 640}, "seed": 1, **more}


def resolved(block: int = 4, **more: Any) -> dict[str, Any]:
    plan, rows = more.pop("plan", {}), more.pop("rows", 16)
    posted = body(**more)
    draft = KIND.draft(ReasoningSpec.model_validate(posted), "any", NOTHING)
    each = posted.get("chains", 16) // draft.lanes * block
    resolution = {
        "version": draft.version,
        "estimator": draft.estimator,
        "numeric_class": "any",
        "first_block": block,
        "block": block,
        "blocks_planned": posted["budget"].get("units", 10_000) // each,
        "first_look": draft.lanes,
        "micro_batch": rows,
        "tail": 32,
        "extensible": False,
        "lanes": draft.lanes,
        "multiplicity": {"method": "bonferroni", "outputs": 3, "alpha": 0.05 / 3},
        "plan": {**draft.plan, "answers": json.dumps(["b;", "ab;"]), "pilot": False, "warmup": 4, **plan},
    }
    return {**posted, "resolution": resolution}


def simulator_of(spec: dict[str, Any]) -> Any:
    return KIND.load()(ReasoningSpec.model_validate(spec), "cpu", NOTHING)


def posterior(
    weights: Any, prompt: tuple[int, ...], depth: int, text: Any, *, tilted: bool = True, **law: float
) -> dict[str, float]:
    """p of each answer, by going through all paths of one-token steps; an end token ends them."""
    found, waiting = dict[str, float](), [((), 1.0)]
    while waiting:
        path, p = waiting.pop()
        if path and (path[-1] == 1 or len(path) == depth):
            if "b" in text(path) or not tilted:
                found[text(path)] = found.get(text(path), 0.0) + p
            continue
        chances = law_of(weights, (*prompt, *path), **law)
        waiting += [((*path, token), p * float(chances[token])) for token in range(len(chances))]
    return {answer: p / sum(found.values()) for answer, p in found.items()}


@pytest.mark.parametrize("more", [{}, {"pool": 2, "particles": 8}, {"verifier": {"type": "constant"}}])
def test_the_chances_are_those_of_the_enumerated_posterior(more):
    """Within 5.5 standard errors over chains of the exact law, and not of the model's own, that no check has tilted."""
    rule = {"steps": {"stops": [], "tokens": 1}, "answer": {"type": "text"}, "temperature": 0.7}
    found, names = _sampled(rule, **more)
    error = np.array(found.estimate.standard_error)
    assert (error < 0.06).all()
    assert (np.abs(found.value - _chances(names, temperature=0.7)) < 5.5 * error + 1e-3).all()
    assert np.abs(found.value - _chances(names, temperature=0.7)).sum() / 2 < 0.12
    assert (np.abs(found.value - _chances(names, tilted=False, temperature=0.7)) > 5.5 * error).any()


def _posterior(**law: Any) -> dict[str, float]:
    weights = load(model_named("tiny"), torch.device("cpu"))
    decode = weights.tokenizer.decode
    return posterior(weights, (3, 4, 6), 3, lambda path: decode(list(path), skip_special_tokens=True), **law)


def _chances(names: list[str], **law: Any) -> np.ndarray:
    truth = _posterior(**law)
    return np.array([*(truth[name] for name in names), 1 - sum(truth[name] for name in names)])


def _sampled(rule: dict[str, Any], **more: Any) -> tuple[Any, list[str]]:
    """The last report of a job, and the answers that it names."""
    truth = _posterior(temperature=rule["temperature"])
    names = sorted(truth, key=lambda name: -truth[name])[:4]
    budget = {"units": 16 * 100}
    spec = resolved(20, problem=rule, budget=budget, plan={"answers": json.dumps(names)}, **more)
    spec["resolution"]["multiplicity"] = {"method": "bonferroni", "outputs": 5, "alpha": 0.05 / 5}
    parsed = ReasoningSpec.model_validate(spec)
    simulator, statistics = simulator_of(spec), KIND.statistics(parsed, NOTHING)
    state, carries, r = statistics.empty(), {}, parsed.resolution
    assert r is not None
    for k in range(r.blocks_planned):
        lane = k % r.lanes
        carry = carries.get(lane) or simulator.init(lane_key(1, lane))
        carries[lane], stats = simulator.advance(carry, block_key(1, lane, k), 0, r.block)
        state = statistics.fold(state, stats)
    answer = statistics.answer(state)
    return report(parsed, schedule_of(parsed), statistics, answer, r.blocks_planned, ends=True), names


def test_a_chain_does_not_depend_on_those_beside_it():
    spec = resolved(together=4)
    group, alone = simulator_of(spec), simulator_of({**spec, "resolution": _alone(spec)})
    block = block_key(1, 2, 6)
    carry, _ = group.advance(group.init(lane_key(1, 2)), block, 0, 12)
    lane, chains = chains_of(carry)
    assert (lane, [chain.index for chain in chains]) == (2, [8, 9, 10, 11])
    for g, chain in enumerate(chains):
        own, _ = alone.advance(alone.init(lane_key(1, 0)), block.child(g), 0, 12)
        assert np.array_equal(own["chains"], carried(0, [chain])["chains"])
    assert len({chain.state for chain in chains}) > 1


def _alone(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec["resolution"], "plan": {**spec["resolution"]["plan"], "together": 1}, "lanes": 16}


async def test_a_job_is_lawful_whatever_happens_to_its_workers():
    spec = resolved(budget={"tokens": 2_500})
    law = lawful_digests(spec, 40)
    house = House(ChaosFleet(3, seed=2, death_rate=0.15))
    async with house.runner():
        job = await house.post(spec)
        ended = await house.ended(job)
    last = ended.last_refinement
    assert ended.stopped_by == "tokens"
    assert await unlawful(house, job, law) in ([], [last.blocks]), "an end spends what is left of alpha"
    assert last.spent.tokens == last.diagnostics["tokens"] >= 2_500 * 0.9
    assert last.diagnostics["best"]["score"] == 0.0
    assert "b" in "".join(last.diagnostics["best"]["steps"])


async def test_a_posted_job_resolves_its_model_and_its_groups():
    house = House(ChaosFleet(1))
    async with house.runner():
        ended = await house.ended(await house.post(body(budget={"units": 300})))
    assert ended.status == "completed"
    resolution = ended.resolved.resolution
    assert (resolution.lanes, resolution.plan["together"], resolution.micro_batch) == (2, 8, 32)
    assert resolution.plan["model"] == fingerprint(model_named("tiny"))
    assert ended.last_refinement.spent.units >= 300


def test_jobs_share_batches_and_nothing_else():
    """Blocks of two jobs in two threads of one worker: fewer passes than apart, the same bits."""
    specs = [resolved(), resolved(prompt="ba;=", seed=2, problem={"temperature": 1.5})]
    jobs = [simulator_of(spec) for spec in specs]
    decoder = jobs[0].task.backend.decoder
    assert jobs[1].task.backend.decoder is decoder
    assert all(job.shares for job in jobs)

    def block(i: int) -> bytes:
        carry, stats = jobs[i].advance(jobs[i].init(lane_key(i, 0)), block_key(i, 0, 0), 0, 6)
        return b"".join(part.tobytes() for part in (*carry.values(), *stats.values()))

    apart, before = [block(0), block(1)], decoder.passes
    found, both = dict[int, bytes](), threading.Barrier(2)

    def run(i: int) -> None:
        both.wait()
        with HERE.turn(shares=True):
            found[i] = block(i)

    alone = decoder.passes
    again = [block(0), block(1)]
    took = decoder.passes - alone
    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    start = decoder.passes
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before > 0
    assert apart == again == [found[0], found[1]]
    assert decoder.passes - start < 0.9 * took


def messages(content: str) -> dict[str, Any]:
    return {"problem": {"prompt": None, "messages": [{"role": "user", "content": content}]}}


def test_a_conversation_becomes_a_prompt_by_the_template():
    assert simulator_of(resolved(**messages("ab"))).task.backend.tokens == (3, 4, 6)


@pytest.mark.parametrize(
    ("more", "pointer", "said"),
    [
        ({"problem": {"model": "tinny"}}, "/problem/model", "did you mean 'tiny'"),
        ({"problem": {"steps": {"tokens": 60}}}, "/problem/steps/tokens", "context of 'tiny' is 128"),
        ({"max_steps": 40}, "/max_steps", "40 steps of up to 4 tokens are 160"),
        ({"together": 3}, "/together", "take one of 1, 2, 4, 8, 16"),
        ({"problem": {"answer": {"type": "pattern", "pattern": "("}}}, "/problem/answer/pattern", "regular expression"),
    ],
)
def test_bad_specs_are_judged_at_the_door(more, pointer, said):
    with pytest.raises(SpecError, match=re.escape(said)) as error:
        KIND.check(ReasoningSpec.model_validate(body(**more)), NOTHING)
    assert error.value.pointer == pointer


@pytest.mark.parametrize(
    ("more", "pointer", "said"),
    [
        ({"prompt": "ab" * 60}, "/problem/prompt", "has 120 tokens and 3 steps of up to 4 are 12"),
        ({"prompt": "abcab"}, "/problem/prompt", "does not know 'c'"),
        (messages("axb"), "/problem/messages", "does not know"),
    ],
)
async def test_what_only_the_model_can_tell_is_told_by_the_pilot(more, pointer, said):
    with pytest.raises(SpecError, match=re.escape(said)) as error:
        simulator_of(resolved(**more))
    assert error.value.pointer == pointer
    house = House(ChaosFleet(1))
    async with house.runner():
        ended = await house.ended(await house.post(body(**more)))
    assert ended.status == "failed"
    assert said in ended.error.detail


@pytest.mark.parametrize("more", [{"prompt": ""}, {"problem": {"prompt": None}}])
def test_something_must_be_asked(more):
    with pytest.raises(ValueError, match="prompt"):
        ReasoningSpec.model_validate(body(**more))


def test_a_changed_model_is_not_taken_for_the_one_that_was(folder, tmp_path, monkeypatch):
    spec = resolved()
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "card.json").write_text(json.dumps({**CARD, "max_steps": 4}))
    monkeypatch.setenv(VARIABLE, f"tiny={other}")
    spec["max_steps"] = 3
    for judge in (lambda: KIND.check(ReasoningSpec.model_validate(spec), NOTHING), lambda: simulator_of(spec)):
        with pytest.raises(SpecError, match="now has") as error:
            judge()
        assert error.value.pointer == "/resolution/plan/model"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"lanes": 16}, "/resolution/lanes"), ({"micro_batch": 10_000}, "/resolution/micro_batch")],
)
def test_a_posted_resolution_must_fit(change, pointer):
    spec = resolved()
    KIND.check(ReasoningSpec.model_validate(spec), NOTHING)
    spec["resolution"] |= change
    with pytest.raises(SpecError, match="leave `resolution` out") as error:
        KIND.check(ReasoningSpec.model_validate(spec), NOTHING)
    assert error.value.pointer == pointer


@pytest.mark.parametrize(
    ("change", "context"),
    [
        ({"sliding_window": 40}, 40),
        ({"sliding_window": 40, "use_sliding_window": False}, 128),
        ({"rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 64}}, 64),
    ],
)
def test_texts_stay_where_attention_is_whole(folder, tmp_path, change, context):
    """Beyond a sliding window our masks would show more than the model's own."""
    other = shutil.copytree(folder, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, **change}))
    assert read_directory("other", other).context == context


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda f: (f / "tokenizer.json").unlink(), "there is no tokenizer.json"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled (pytorch_model.bin)"),
        (lambda f: (f / "card.json").write_text('{"max_steps": 0}'), "max_steps is 0"),
        (lambda f: (f / "card.json").write_text('{"steps": {"tokens": "x"}}'), "at 'tokens'"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not JSON"),
    ],
)
def test_bad_directories_are_named(folder, tmp_path, harm, said):
    other = shutil.copytree(folder, tmp_path / "other")
    harm(other)
    with pytest.raises(ModelError, match=re.escape(said)):
        read_directory("other", other)


def test_a_value_head_must_fit_the_model(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    save_file({"weight": torch.zeros(1, 7), "bias": torch.zeros(1)}, other / "value_head.safetensors")
    with pytest.raises(SpecError, match=re.escape("it should hold weight (1, 32) and bias (1,)")):
        load(read_directory("other", other), torch.device("cpu"))


@pytest.mark.parametrize("rows", ["x", "1", "99999"])
def test_rows_of_a_pass_are_a_number(monkeypatch, rows):
    monkeypatch.setenv(ROWS, rows)
    with pytest.raises(ModelError, match="from 2 to 4096"):
        micro_batch()


def test_the_catalogue_tells_of_the_model():
    (entry,) = [entry for entry in KIND.catalogue() if entry.name == "tiny"]
    assert (entry.type, entry.details["context"], entry.details["value_head"]) == ("language", 128, True)
    assert entry.details["prompts"] == ["ab="]
