"""/v1/responses by the official client: in the background, streamed, resumed behind a dropped connection, cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from .harness import QUICK, Service
from .language import ASKED, ENDLESS, NAME, NEVER, SMALL, ends, newest, sampled, tiny, until

__all__ = ["tiny"]

ASK: dict[str, Any] = {"model": NAME, "input": "ab", "extra_body": SMALL}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    """On each of the stores."""
    with OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def test_whole(service: Service, client: OpenAI) -> None:
    raw = client.responses.with_raw_response.create(
        **ASK, instructions="a", metadata={"mine": "yes"}, user="u1", temperature=0.5, reasoning={"summary": "auto"}
    )
    found, job = raw.parse(), service.get(raw.headers["x-burnish-job"])
    path = job["last_refinement"]["diagnostics"]["leading"]
    assert (found.status, found.model, found.instructions, found.temperature) == ("completed", NAME, "a", 0.5)
    assert (found.metadata, found.user, found.background) == ({"mine": "yes"}, "u1", False)
    assert found.output_text == "".join(path["steps"])
    assert found.usage is not None
    assert found.usage.output_tokens == sampled(job) > job["spent"]["tokens"]
    assert found.usage.output_tokens_details.reasoning_tokens == sampled(job) - path["length"]
    assert found.usage.input_tokens == len("aab=")
    assert job["spec"]["problem"]["messages"][0] == {"role": "system", "content": "a"}
    assert client.responses.retrieve(found.id) == found, "it is kept"


def test_in_the_background(service: Service, client: OpenAI) -> None:
    found = client.responses.create(**ASK, background=True)
    assert found.status in ("queued", "in_progress")
    assert found.usage is None
    until(lambda: client.responses.retrieve(found.id).status == "completed")
    found = client.responses.retrieve(found.id)
    job = service.get(found.model_extra["burnish"]["job"])
    assert found.usage.output_tokens == sampled(job)
    assert [item.type for item in found.output] == ["reasoning", "message"]
    assert client.responses.cancel(found.id) == found, "what is over stays as it is"


def test_a_stream_as_the_official_helper_puts_it_together(client: OpenAI) -> None:
    with client.responses.stream(**ASK) as stream:
        told = list(stream)
        whole = stream.get_final_response()
    assert [event.sequence_number for event in told] == list(range(len(told)))
    assert whole.output_text == client.responses.retrieve(whole.id).output_text != ""
    assert "response.reasoning_summary_text.delta" in {event.type for event in told}


async def test_the_asynchronous_client(service: Service) -> None:
    async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        async with await client.responses.create(**ASK, stream=True) as stream:
            told = [event async for event in stream]
        assert told[-1].type == "response.completed"
        assert (await client.responses.retrieve(told[-1].response.id)).status == "completed"


def test_every_event_once_over_connections_that_are_cut(client: OpenAI) -> None:
    body = {"burnish": {"chains": 8, "budget_tokens": 6_000, "early_stop": False}}
    seen: list[tuple[int, str]] = []
    response, cuts, done = "", 0, False
    while not done:
        assert cuts < 500
        if response:
            stream = client.responses.retrieve(response, stream=True, starting_after=seen[-1][0])
        else:
            stream = client.responses.create(model=NAME, input="ab", background=True, stream=True, extra_body=body)
        with stream:
            for event in stream:
                seen.append((event.sequence_number, event.to_json()))
                response = response or event.response.id
                done = event.type == "response.completed"
                if not done and len(seen) % 3 == 0:
                    cuts += 1
                    break  # in mid-stream: the connection is closed with unread data on it
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert cuts > 3
    with client.responses.retrieve(response, stream=True) as again:
        assert [(event.sequence_number, event.to_json()) for event in again] == seen, "told again, it is the same"
    with client.responses.retrieve(response, stream=True, starting_after=seen[-1][0]) as over:
        assert list(over) == []


def test_cancel(service: Service, client: OpenAI) -> None:
    found = client.responses.create(model=NAME, input="ab", background=True, extra_body=ENDLESS)
    job = found.model_extra["burnish"]["job"]
    until(lambda: len(service.events(job)) > 6)
    with client.responses.retrieve(found.id, stream=True) as stream:
        next(iter(stream))
        found = client.responses.cancel(found.id)
        last = list(stream)[-1]
    assert found.status == "cancelled"
    assert (last.type, last.response.status) == ("response.incomplete", "cancelled")
    assert client.responses.cancel(found.id) == found == client.responses.retrieve(found.id)
    assert found.usage.output_tokens == sampled(service.get(job)) > 0


def test_who_leaves_ends_the_job_unless_it_is_in_the_background(service: Service, client: OpenAI) -> None:
    asked: dict[str, Any] = {"model": NAME, "input": "ab", "extra_body": ENDLESS}
    with client.responses.create(**asked, stream=True) as stream:
        next(iter(stream))
    ends(service, newest(service)["id"], "cancelled")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5).responses.create(**asked)
    ends(service, newest(service)["id"], "cancelled")
    with client.responses.create(**asked, stream=True, background=True) as stream:
        next(iter(stream))
    job = newest(service)["id"]
    until(lambda: service.get(job)["status"] == "running")
    blocks = len(service.events(job))
    until(lambda: len(service.events(job)) > blocks + 1)
    assert service.get(job)["status"] == "running"
    service.client.post(f"/v1/jobs/{job}/cancel")
    ends(service, job, "cancelled")


def test_delete(client: OpenAI) -> None:
    found = client.responses.create(model=NAME, input="ab", background=True, extra_body=ENDLESS)
    with pytest.raises(openai.ConflictError):
        client.responses.delete(found.id)
    client.responses.cancel(found.id)
    client.responses.delete(found.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(found.id)


def test_turns_go_on_from_what_was_answered(service: Service, client: OpenAI) -> None:
    first = client.responses.create(**ASK)
    items = [item.to_dict() for item in first.output]
    again = client.responses.create(**{**ASK, "input": [*ASKED, *items, {"role": "user", "content": "b"}]})
    messages = service.get(again.model_extra["burnish"]["job"])["spec"]["problem"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == first.output_text


def test_no_answer_within_the_budget(service: Service, client: OpenAI) -> None:
    found = client.responses.create(**{**ASK, "model": NEVER})
    assert found.status == "incomplete"
    assert found.incomplete_details.reason == "max_output_tokens"
    assert found.output_text == ""
    assert found.usage.output_tokens == sampled(service.get(found.model_extra["burnish"]["job"])) > 0
    with client.responses.retrieve(found.id, stream=True) as stream:
        assert [event.type for event in stream][-1] == "response.incomplete"
    choice = client.chat.completions.create(model=NEVER, messages=ASKED, extra_body=SMALL).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("length", None)


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
    ({"store": False}, "store", "invalid_value"),
    ({"truncation": "auto"}, "truncation", "invalid_value"),
    ({"tools": [{"type": "web_search"}]}, "tools", "invalid_value"),
    ({"text": {"format": {"type": "json_object"}}}, "text.format.type", "invalid_value"),
    ({"max_output_tokens": -4}, "max_output_tokens", "invalid_value"),
    ({"reasoning": {"effort": "minimal"}}, "reasoning.effort", "invalid_value"),
    ({"include": ["reasoning.encrypted_content"]}, "include", "invalid_value"),
    ({"input": []}, "input", "invalid_value"),
    ({"temperature": 11}, "temperature", "invalid_value"),
    ({"extra_body": {"burnish": {"pool": 0}}}, "burnish.pool", "invalid_value"),
]


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_served_is_refused(client: OpenAI, fields: dict[str, Any], param: str | None, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**{"model": NAME, "input": "ab", **fields})
    assert (refused.value.param, refused.value.code) == (param, code), refused.value.message


def test_a_job_that_fails(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not know"):
        client.responses.create(**{**ASK, "input": "xyz"})
    found = client.responses.create(**{**ASK, "input": "xyz"}, background=True)
    until(lambda: client.responses.retrieve(found.id).status == "failed")
    found = client.responses.retrieve(found.id)
    assert found.error is not None
    assert (found.error.code, found.output) == ("invalid_prompt", [])


def test_only_responses_are_responses(service: Service, client: OpenAI) -> None:
    chat = client.chat.completions.create(model=NAME, messages=ASKED, extra_body=SMALL)
    other = service.run(QUICK)["id"].removeprefix("job_")
    for name in (chat.id.replace("chatcmpl-", "resp_"), f"resp_{other}", "resp_none", "none"):
        for call in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
            with pytest.raises(openai.NotFoundError):
                call(name)
    found = client.responses.create(**ASK)
    for query in ("starting_after=3", "include_obfuscation=true", "stream=perhaps", "stream=true&starting_after=x"):
        reply = service.client.get(f"/v1/responses/{found.id}?{query}")
        assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
