"""Real servers of a small model that the test writes: transformers serve, and vLLM where it is installed."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from burnish.wire.specs.language import ServerProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.kinds.reasoning.backends.server.asking import Dialect
from burnish_workers.kinds.reasoning.backends.server.backend import ServerBackend, server_backend
from burnish_workers.kinds.reasoning.backends.server.learning import dialect_of, forget
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.kinds.reasoning.protocols import Extension, Step
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.texts import step_of
from burnish_workers.outbound.allowed import VARIABLE

from ..laws.bench import House
from .tiny_models import Server, next_chances, transformers_serve, vllm_serve, write_model

pytestmark = pytest.mark.slow
VLLM = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed")
PROMPT = "1+1="

EQUAL = {"ends": {"type": "expression", "expression": "0"}}
"""All ends are as good: the law is the server's."""


@pytest.fixture(scope="module", params=["transformers", pytest.param("vllm", marks=VLLM)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("model")
    serve = {"transformers": transformers_serve, "vllm": vllm_serve}[request.param]
    # Its own configuration takes the likeliest token: the backend has to say that it wants draws.
    model = write_model(folder / "tiny", samples=request.param == "vllm")
    with serve(model, folder / "log") as server:
        yield server


@pytest.fixture(autouse=True)
def _allowed(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(VARIABLE, server.host)
    forget()
    yield
    OUTBOUND.close()


def problem(server: Server, **changes: Any) -> dict[str, Any]:
    steps = {"stops": ["\n"], "tokens": 24}
    return {"type": "server", "url": server.url, "model": server.model, "prompt": PROMPT, "steps": steps, **changes}


def backend(server: Server, **changes: Any) -> ServerBackend:
    return server_backend(ServerProblem.model_validate(problem(server, **changes)), 4)


def draw(found: ServerBackend, count: int, *prefix: str, seed: int = 1) -> list[Any]:
    source = Random(np.random.default_rng(seed))
    row = Extension(tuple(step_of(each, ended=False) for each in prefix), count, source)
    return found.extend([row])[0]


def test_what_it_understands_is_found_out(server: Server) -> None:
    found = backend(server)
    draw(found, 1)
    transformers = Dialect(most=1, keeps=True, configures=True)
    wanted = transformers if dialect_of(found._asker, found._link).keeps else Dialect(most=16)
    assert dialect_of(found._asker, found._link) == wanted


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_characters_have_the_law_of_the_model(server: Server, temperature: float) -> None:
    """By the model's own chances, computed beside the server from the same files."""
    found = backend(server, temperature=temperature, steps={"stops": ["\n"], "tokens": 1})
    drawn = draw(found, 400)
    chances = next_chances(Path(server.model), PROMPT, temperature)
    steps = [_step(found, each.step) for each in drawn]
    assert all(each.tokens == 1 for each in drawn)
    counts = Counter(steps)
    likely = [text for text, chance in chances.items() if chance * len(drawn) >= 5]
    seen = [counts[text] for text in likely]
    wanted = [chances[text] * len(drawn) for text in likely]
    seen, wanted = [*seen, len(drawn) - sum(seen)], [*wanted, len(drawn) - sum(wanted)]
    assert len(likely) > 4
    assert chisquare(seen, wanted).pvalue > 1e-6


def _step(found: ServerBackend, step: Step) -> str:
    """Its text. What has none is the end of the answer, or a token without a text."""
    return found.words((step,))[0]


def test_steps_end_at_stops_at_the_most_tokens_or_with_the_answer(server: Server) -> None:
    found = backend(server)
    drawn = draw(found, 60)
    for each in drawn:
        (text,) = found.words((each.step,))
        ends = [text.endswith("\n"), found.ends((each.step,)), each.tokens == 24]
        assert any(ends), text
        assert text.count("\n") == text.endswith("\n")
        assert len(text) <= each.tokens <= 24
    ended = sum(found.ends((each.step,)) for each in drawn)
    assert 0 < ended < 60
    (after,) = draw(found, 1, "so 2\n")
    assert after.step


def test_what_it_cannot_do_is_said(server: Server) -> None:
    with pytest.raises(SpecError, match="has no model 'nope'") as error:
        draw(backend(server, model="nope"), 1)
    assert error.value.pointer == "/problem/model"
    with pytest.raises(SpecError, match="has no /completions") as error:
        draw(backend(server, url=server.url + "/x"), 1)
    assert error.value.pointer == "/problem/url"
    if dialect_of(backend(server)._asker, backend(server)._link).keeps:
        with pytest.raises(SpecError, match="does not continue a turn") as error:
            draw(backend(server, api="chat"), 1)
        assert error.value.pointer == "/problem/continues"


def test_chat_behind_the_message(server: Server) -> None:
    found = backend(
        server, prompt=None, messages=[{"role": "user", "content": PROMPT}], api="chat", continues="message"
    )
    (first,) = draw(found, 1)
    (second,) = draw(found, 1, "so 2\n")
    assert min(first.tokens, second.tokens) > 0


async def test_a_whole_job(server: Server) -> None:
    """Chances of answers of one short step are those of the model: an interval for each covers its own."""
    short = {"stops": ["\n"], "tokens": 1}
    chances = next_chances(Path(server.model), PROMPT, 1.0)
    named = [text for text in sorted(chances, key=lambda text: -chances[text]) if text.strip()][:3]
    spec = {
        "kind": "reasoning",
        "problem": problem(server, steps=short),
        "max_steps": 1,
        "verifier": EQUAL,
        "method": "mh_backtracking",
        "chains": 8,
        "particles": 2,
        "answers": named,
        "budget": {"units": 400},
        "seed": 5,
    }
    house = House(InlineFleet(2))
    async with house.runner():
        job = await house.ended(await house.post(spec), timeout=300)
    assert job.status == "completed", job.error
    last = job.last_refinement
    assert last is not None
    assert last.interval is not None
    assert last.diagnostics["answers"] == [*named, "other"]
    assert last.spent.tokens == last.diagnostics["tokens"] > 400
    for text, value, error in zip(named, last.estimate.value, last.estimate.standard_error, strict=False):
        assert abs(value - chances[text]) < 6 * error + 0.02, text


async def test_its_death_crashes_the_job_which_keeps_what_it_found(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transformers_serve(Path(server.model), tmp_path / "log") as mortal:
        monkeypatch.setenv(VARIABLE, mortal.host)
        house = House(InlineFleet(1))
        async with house.runner():
            body = {"kind": "reasoning", "problem": problem(mortal), "max_steps": 2, "chains": 8, "particles": 2}
            job = await house.post({**body, "verifier": EQUAL, "budget": {"units": 10**6}, "seed": 5})
            await house.refined(job, 1)
            mortal.kill()
            ended = await house.ended(job)
    assert ended.status == "crashed"
    assert ended.resumable
    assert ended.last_refinement is not None
    assert ended.error is not None
    assert mortal.url in ended.error.detail
