"""/v1/chat/completions by the official client: whole and in chunks, what it costs, who leaves, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from burnish_workers.kinds.reasoning.checks import judge

from .harness import QUICK, Service
from .language import ASKED, ENDLESS, NAME, SMALL, ends, newest, sampled, tiny, until

__all__ = ["tiny"]


@pytest.fixture
def client(memory_service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{memory_service.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def test_a_whole_answer(memory_service: Service, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=NAME, messages=ASKED, seed=3, user="u1", metadata={"mine": "yes"}, extra_body=SMALL
    )
    answer, job = raw.parse(), memory_service.get(raw.headers["x-burnish-job"])
    choice, told = answer.choices[0], answer.model_extra["burnish"]
    assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", NAME, "stop")
    assert told["job"] == job["id"]
    assert (job["status"], job["kind"], job["stopped_by"]) == ("completed", "reasoning", "tokens")
    assert job["spec"]["metadata"] == {"mine": "yes", "user": "u1", "openai": '{"api": "chat"}'}
    assert job["spec"]["seed"] == 3
    path = job["last_refinement"]["diagnostics"]["leading"]
    assert choice.message.content == "".join(path["steps"])
    assert told["answer"] == path["answer"] == told["answers"][0]["answer"]
    assert told["digest"] == job["last_refinement"]["digest"]
    used = answer.usage
    assert used is not None
    assert used.completion_tokens == sampled(job) > job["spent"]["tokens"] >= 1_500
    assert used.prompt_tokens == len("ab=")
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens
    assert used.completion_tokens_details.reasoning_tokens == used.completion_tokens - path["length"]


def test_in_chunks(memory_service: Service, client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    with client.chat.completions.create(
        model=NAME, messages=ASKED, stream=True, stream_options=options, extra_body=SMALL
    ) as stream:
        chunks = list(stream)
        job = memory_service.get(stream.response.headers["x-burnish-job"])
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thoughts = [delta.reasoning_content for delta in deltas if hasattr(delta, "reasoning_content")]
    assert len(thoughts) >= 2
    assert all(line.endswith("\n") and "tokens: " in line for line in thoughts)
    said = [i for i, delta in enumerate(deltas) if delta.content]
    assert len(said) == 1, "the answer comes once, whole"
    assert said[0] > max(i for i, delta in enumerate(deltas) if hasattr(delta, "reasoning_content"))
    assert deltas[said[0]].content == "".join(job["last_refinement"]["diagnostics"]["leading"]["steps"])
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].usage.completion_tokens == sampled(job)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_the_asynchronous_client(memory_service: Service) -> None:
    async with AsyncOpenAI(base_url=f"{memory_service.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        asked = {"model": NAME, "messages": ASKED, "extra_body": SMALL}
        answer = await client.chat.completions.create(**asked)
        assert answer.choices[0].finish_reason == "stop"
        async with await client.chat.completions.create(**asked, stream=True) as stream:
            said = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices[0].delta.content]
        assert len(said) == 1


def test_the_first_chunk_comes_at_once_and_progress_while_the_job_runs(memory_service: Service, client: OpenAI) -> None:
    with client.chat.completions.create(model=NAME, messages=ASKED, stream=True, extra_body=ENDLESS) as stream:
        first = next(iter(stream))
        job = first.model_extra["burnish"]["job"]
        assert stream.response.headers["x-burnish-job"] == job
        thought = next(chunk for chunk in stream if hasattr(chunk.choices[0].delta, "reasoning_content"))
        assert memory_service.get(job)["status"] == "running"
        assert thought.choices[0].delta.content is None
    ends(memory_service, job, "cancelled")  # its reader has left


def test_who_leaves_ends_the_job(memory_service: Service, client: OpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5).chat.completions.create(model=NAME, messages=ASKED, extra_body=ENDLESS)
    ends(memory_service, newest(memory_service)["id"], "cancelled")


@pytest.mark.parametrize("stream", [False, True])
def test_unless_it_is_to_be_kept(memory_service: Service, client: OpenAI, stream: bool) -> None:
    kept = {"burnish": {**ENDLESS["burnish"], "keep": True}}
    hasty = client.with_options(timeout=0.5)
    if stream:
        with hasty.chat.completions.create(model=NAME, messages=ASKED, stream=True, extra_body=kept) as reply:
            next(iter(reply))
    else:
        with pytest.raises(openai.APITimeoutError):
            hasty.chat.completions.create(model=NAME, messages=ASKED, extra_body=kept)
    job = newest(memory_service)["id"]
    blocks = len(memory_service.events(job))
    until(lambda: len(memory_service.events(job)) > blocks + 1)
    assert memory_service.get(job)["status"] == "running"
    memory_service.client.post(f"/v1/jobs/{job}/cancel")
    ends(memory_service, job, "cancelled")


def test_a_job_that_somebody_else_cancels_gives_what_it_has(memory_service: Service, client: OpenAI) -> None:
    options: Any = {"include_usage": True}
    asked: Any = {"model": NAME, "messages": ASKED, "stream": True, "stream_options": options}
    with client.chat.completions.create(**asked, extra_body=ENDLESS) as stream:
        chunks = iter(stream)
        job = next(chunks).model_extra["burnish"]["job"]
        next(chunk for chunk in chunks if " leads" in getattr(chunk.choices[0].delta, "reasoning_content", ""))
        memory_service.client.post(f"/v1/jobs/{job}/cancel")
        rest = list(chunks)
    assert [chunk.choices[0].finish_reason for chunk in rest if chunk.choices][-1] == "stop"
    assert rest[-1].usage.completion_tokens == sampled(memory_service.get(job))


def test_one_key_one_job(memory_service: Service, client: OpenAI) -> None:
    asked: Any = {"model": NAME, "messages": ASKED, "extra_body": SMALL, "extra_headers": {"Idempotency-Key": "k1"}}
    first, again = (client.chat.completions.create(**asked) for _ in range(2))
    assert first == again
    other: Any = {**asked, "messages": [{"role": "user", "content": "ba"}]}
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**other)
    assert refused.value.code == "idempotency_conflict"


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"n": 2}, "n", "invalid_value"),
    ({"stop": "x"}, "stop", "unsupported_parameter"),
    ({"logit_bias": {"5": 3}}, "logit_bias", "invalid_value"),
    ({"logprobs": True}, "logprobs", "invalid_value"),
    ({"presence_penalty": 0.5}, "presence_penalty", "invalid_value"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "invalid_value"),
    ({"response_format": {"type": "json_object"}}, "response_format.type", "invalid_value"),
    ({"store": True}, "store", "invalid_value"),
    ({"prediction": {"type": "content", "content": "x"}}, "prediction", "unsupported_parameter"),
    ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
    ({"verbosity": "low"}, "verbosity", "unsupported_parameter"),
    ({"reasoning_effort": "xhigh"}, "reasoning_effort", "invalid_value"),
    ({"temperature": 0}, "temperature", "invalid_value"),
    ({"top_p": 1.5}, "top_p", "invalid_value"),
    ({"seed": -1}, "seed", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, None, "invalid_value"),
    ({"max_tokens": 5, "extra_body": SMALL}, None, "invalid_value"),
    ({"stream_options": {"include_usage": True}}, None, "invalid_value"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [*ASKED, {"role": "assistant", "content": "b"}]}, "messages", "invalid_value"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content", "invalid_value"),
    ({"metadata": {"openai": "x"}}, None, "invalid_value"),
    ({"extra_body": {"burnish": {"bta": 1}}}, "burnish.bta", "unsupported_parameter"),
    ({"extra_body": {"burnish": {"chains": 1}}}, "burnish.chains", "invalid_value"),
    ({"extra_body": {"burnish": {"beta": -1}}}, "burnish.beta", "invalid_value"),
    ({"extra_body": {"burnish": {"method": "mcts"}}}, "burnish.method", "invalid_value"),
    ({"extra_body": {"burnish": {"answer": {"type": "pattern", "pattern": "("}}}}, "burnish.answer.pattern", ""),
    ({"extra_body": {"burnish": {"max_steps": 200}}}, "burnish.max_steps", "invalid_value"),
]


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_served_is_refused(
    memory_service: Service, client: OpenAI, fields: dict[str, Any], param: str | None, code: str
) -> None:
    before = memory_service.jobs()
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": NAME, "messages": ASKED, **fields})
    error = refused.value
    assert error.param == param, error.message
    assert error.code == (code or "invalid_value")
    assert error.type == "invalid_request_error"
    assert error.response.headers["x-should-retry"] == "false"
    assert memory_service.jobs() == before, "nothing was begun"


def test_what_asks_for_nothing_is_served(client: OpenAI) -> None:
    neutral: Any = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logprobs": False,
        "tools": [],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "store": False,
        "stop": openai.omit,
        "stream": False,
        "logit_bias": {},
    }
    assert client.chat.completions.create(model=NAME, messages=ASKED, extra_body=SMALL, **neutral).choices


def test_unknown_models_and_broken_bodies(memory_service: Service, client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="tinny", messages=ASKED)
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
    assert "did you mean 'tiny'" in unknown.value.message
    post = memory_service.client.post
    for body, kind, status in (
        ("{", "application/json", 400),
        ("{}", "text/plain", 415),
        ("[]", "application/json", 400),
    ):
        reply = post("/v1/chat/completions", content=body, headers={"content-type": kind})
        assert reply.status_code == status
        assert reply.json()["error"]["type"] == "invalid_request_error"
    large = post("/v1/chat/completions", json={"model": "x" * 300_000})
    assert (large.status_code, large.json()["error"]["code"]) == (413, "body_too_large")


def test_a_job_that_fails(client: OpenAI) -> None:
    """What only the model's tokenizer can tell: after the job began."""
    asked: Any = {"model": NAME, "messages": [{"role": "user", "content": "xyz"}], "extra_body": SMALL}
    with pytest.raises(openai.BadRequestError, match="does not know") as failed:
        client.chat.completions.create(**asked)
    assert failed.value.code == "job_failed"
    with (
        client.chat.completions.create(**asked, stream=True) as stream,
        pytest.raises(openai.APIError, match="does not know") as streamed,
    ):
        list(stream)
    assert streamed.value.code == "job_failed"


def test_models_under_a_base_of_their_own(memory_service: Service) -> None:
    """/v1/models lists uploads; the whole of OpenAI's API is under /openai/v1 too, where it lists language models."""
    base = f"{memory_service.url}/openai/v1"
    with OpenAI(base_url=base, api_key="none", max_retries=0, timeout=60) as client:
        found = {model.id: model for model in client.models.list()}
        assert found[NAME].object == "model"
        assert client.models.retrieve(NAME) == found[NAME]
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("none")
        assert client.chat.completions.create(model=NAME, messages=ASKED, extra_body=SMALL).choices
    assert memory_service.client.get("/v1/models").json()["data"] == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["arithmetic", "dyck"])
def test_shipped_models(memory_service: Service, client: OpenAI, model: str) -> None:
    """Whatever they answer has passed their check, and within a few thousand tokens they answer something."""
    catalogue = memory_service.client.get("/v1/catalogue").json()["data"]
    card = next(entry["details"] for entry in catalogue if (entry["type"], entry["name"]) == ("language", model))
    answers = [
        client.with_options(timeout=300).chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            seed=seed,
            extra_body={"burnish": {"budget_tokens": 3_000, "chains": 2}},
        )
        for seed, prompt in enumerate(card["prompts"][:3])
    ]
    found = [(prompt, answer.choices[0]) for prompt, answer in zip(card["prompts"], answers, strict=False)]
    for prompt, choice in found:
        assert (choice.message.content is None) == (choice.finish_reason == "length")
        assert choice.message.content is None or judge(card["check"], prompt, choice.message.content) == 0.0
    assert any(choice.message.content for _, choice in found)


def test_other_jobs_are_as_ever(memory_service: Service) -> None:
    assert memory_service.run(QUICK)["status"] == "completed"
    assert memory_service.client.get("/v1/jobs/none").headers["content-type"] == "application/problem+json"
