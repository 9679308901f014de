"""OpenAI's wire as pure functions of a job's events: numbering, typing, budgets, what is told on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from burnish.wire import Event, Job
from burnish_service.adapters.chat import Chunks, completion
from burnish_service.adapters.findings import Finding
from burnish_service.adapters.narration import Narrator
from burnish_service.adapters.requests import ChatRequest, ResponseRequest
from burnish_service.adapters.responses import Unfolding, mark_of
from burnish_service.adapters.specs import Asked, chat_spec, response_spec

TYPED = TypeAdapter(ResponseStreamEvent)
AT = "2026-01-02T03:04:05.678Z"
PROBLEM = {"type": "/problems/failed", "title": "Failed", "status": 422, "detail": "/verifier: its value is nan"}


def asked(**fields: Any) -> Asked:
    return chat_spec(
        ChatRequest.model_validate({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})
    )


def responding(**fields: Any) -> Asked:
    return response_spec(ResponseRequest.model_validate({"model": "m", "input": "hi", **fields}))


def job_of(spec: dict[str, Any]) -> Job:
    links = dict.fromkeys(("self", "events", "refinements", "budget", "cancel"), "/")
    return Job.model_validate(
        {"id": "job_01ABC", "kind": "reasoning", "status": "queued", "created_at": AT, "spec": spec, "links": links}
    )


def refinement(tokens: int, leader: str | None, chance: float | None, **told: Any) -> dict[str, Any]:
    path = {"answer": leader, "steps": ["so\n", f"it is {leader}"], "length": 5, "score": 0.0}
    known = {"leading": path} if leader else {}
    return {
        "estimate": {"value": [chance, 0.1], "standard_error": [None, None]},
        "interval": {"lower": [0.5, 0.0], "upper": [0.9, 0.2]} if tokens > 100 else None,
        "spent": {"tokens": tokens},
        "digest": "sha256:00",
        "diagnostics": {"answers": ["12", "other"], "leader": leader, "prompt_tokens": 7, **known, **told},
    }


def events(end: str, *refinements: dict[str, Any], **data: Any) -> list[Event]:
    """Of a whole job."""
    told: list[tuple[str, dict[str, Any]]] = [("status", {"status": s}) for s in ("queued", "resolving", "running")]
    told += [("refinement", each) for each in refinements]
    told += [(end, {"status": end, **data})]
    return [
        Event.model_validate({"sequence": i, "type": type, "at": AT, "data": data})
        for i, (type, data) in enumerate(told, start=1)
    ]


FOUND = events("completed", refinement(40, None, None), refinement(200, "12", 0.7), stopped_by="settled")
NOTHING = events("completed", refinement(40, None, None), stopped_by="tokens")
FAILED = events("failed", refinement(40, None, None), error=PROBLEM)
CRASHED = events("crashed", refinement(200, "12", 0.7), error=PROBLEM)
CANCELLED = events("cancelled", refinement(200, "12", 0.7), stopped_by="cancelled", spent={"tokens": 260})
EARLY = events("cancelled", stopped_by="cancelled")
ALL = {"found": FOUND, "nothing": NOTHING, "failed": FAILED, "crashed": CRASHED, "cancelled": CANCELLED, "early": EARLY}


def unfolded(told: list[Event], **request: Any) -> list[dict[str, Any]]:
    found = Unfolding(job_of(responding(**request).spec))
    return [json.loads(json.dumps(each)) for event in told for each in found.take(event)]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("background", [False, True])
def test_events_of_a_response_are_numbered_and_typed(name: str, background: bool) -> None:
    found = unfolded(ALL[name], background=background)
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    for each in found:
        typed = TYPED.validate_python(each)
        assert typed.type == each["type"], "the official client knows the event, and all that it must carry"
    assert [each["type"] for each in found[:2]] == [
        "response.created",
        "response.queued" if background else "response.in_progress",
    ]
    assert sum(each["type"] == "response.in_progress" for each in found) == 1


@pytest.mark.parametrize("name", ALL)
def test_numbers_do_not_depend_on_where_a_reader_begins(name: str) -> None:
    """The events of every prefix are a prefix of the events: what comes later changes nothing that was said."""
    whole = unfolded(ALL[name])
    for cut in range(len(ALL[name])):
        part = unfolded(ALL[name][:cut])
        assert part == whole[: len(part)]


@pytest.mark.parametrize(
    ("name", "last", "status", "text"),
    [
        ("found", "response.completed", "completed", "so\nit is 12"),
        ("nothing", "response.incomplete", "incomplete", None),
        ("failed", "response.failed", "failed", None),
        ("crashed", "response.failed", "failed", None),
        ("cancelled", "response.incomplete", "cancelled", "so\nit is 12"),
        ("early", "response.incomplete", "cancelled", None),
    ],
)
def test_how_responses_end(name: str, last: str, status: str, text: str | None) -> None:
    found = unfolded(ALL[name])
    end = Response.model_validate(found[-1]["response"])
    assert (found[-1]["type"], end.status) == (last, status)
    assert end.output_text == (text or "")
    spoken = "".join(each["delta"] for each in found if each["type"] == "response.output_text.delta")
    assert spoken == (text or "")
    told = "".join(each["delta"] for each in found if each["type"] == "response.reasoning_summary_text.delta")
    kept = [part.text for item in end.output if item.type == "reasoning" for part in item.summary]
    assert "".join(kept) == told
    assert (end.error is not None) == (status == "failed")
    assert (end.incomplete_details is not None) == (status == "incomplete")
    assert end.usage is not None
    assert end.usage.output_tokens == {"found": 200, "cancelled": 260, "crashed": 200, "early": 0}.get(name, 40)


def test_usage_tells_what_is_in_the_text_and_what_is_not() -> None:
    finding = Finding("job_01ABC")
    for event in FOUND:
        finding = finding.after(event)
    whole = ChatCompletion.model_validate(completion(job_of(asked().spec), finding))
    assert whole.usage is not None
    assert whole.usage.completion_tokens_details is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (7, 200, 207)
    assert whole.usage.completion_tokens_details.reasoning_tokens == 195
    assert whole.choices[0].message.content == "so\nit is 12"
    assert whole.model_extra is not None
    assert whole.model_extra["burnish"]["answers"][0] == {"answer": "12", "chance": 0.7, "lower": 0.5, "upper": 0.9}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("usage", [False, True])
def test_chunks(name: str, usage: bool) -> None:
    chunks = Chunks(job_of(asked().spec), usage)
    found = [chunks.first(), *(chunk for event in ALL[name] for chunk in chunks.take(event))]
    if name in ("failed", "crashed"):
        error = found.pop()["error"]
        assert error["code"] == f"job_{name}"
        assert error["type"] == ("invalid_request_error" if name == "failed" else "server_error")
    typed = [ChatCompletionChunk.model_validate(each) for each in found]
    assert len({each.id for each in typed}) == 1
    said = [each.choices[0].delta.content for each in typed if each.choices and each.choices[0].delta.content]
    assert said == (["so\nit is 12"] if name in ("found", "cancelled") else [])
    reasons = [each.choices[0].finish_reason for each in typed if each.choices and each.choices[0].finish_reason]
    over = {"found": ["stop"], "cancelled": ["stop"], "failed": [], "crashed": []}
    assert reasons == over.get(name, ["length"])
    told = [each.usage for each in typed if each.usage is not None]
    assert len(told) == (usage and name not in ("failed", "crashed"))


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 16_000),
        ({"reasoning_effort": "low"}, 4_000),
        ({"reasoning_effort": "high"}, 64_000),
        ({"max_completion_tokens": 900}, 900),
        ({"max_tokens": 901}, 901),
        ({"max_completion_tokens": 100_000}, 100_000),
        ({"reasoning_effort": "low", "max_completion_tokens": 900}, 900),
        ({"reasoning_effort": "low", "max_completion_tokens": 9_000}, 4_000),
        ({"burnish": {"budget_tokens": 77}}, 77),
    ],
)
def test_budgets(fields: dict[str, Any], tokens: int) -> None:
    assert asked(**fields).spec["budget"] == {"tokens": tokens}


def test_a_request_becomes_a_spec() -> None:
    options = {"method": "pimh", "beta": 0.5, "chains": 4, "steps": {"stops": [";"]}, "budget_seconds": 3.0}
    found = asked(
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
        seed=5,
        temperature=0.5,
        user="u1",
        metadata={"mine": "yes"},
        burnish=options,
    )
    spec = json.loads(found.body)
    assert spec["problem"] == {
        "type": "language",
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "ab"}],
        "temperature": 0.5,
        "steps": {"stops": [";"], "tokens": 64},
    }
    assert spec["budget"] == {"tokens": 16_000, "seconds": 3.0}
    assert asked().spec["chains"] == 8
    assert (spec["method"], spec["beta"], spec["chains"], spec["seed"], spec["early_stop"]) == ("pimh", 0.5, 4, 5, True)
    assert spec["metadata"] == {"mine": "yes", "user": "u1", "openai": '{"api": "chat"}'}


def test_instructions_and_earlier_answers() -> None:
    """What /v1/responses gave can be sent back as it is; its account of progress is no part of the conversation."""
    output = unfolded(FOUND)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    again = [{"role": "user", "content": "q"}, *output, {"role": "user", "content": "and now?"}]
    found = responding(input=again, instructions="be brief", reasoning={"effort": "low"}, background=True)
    turns = [(message["role"], message["content"]) for message in found.spec["problem"]["messages"]]
    assert turns == [("system", "be brief"), ("user", "q"), ("assistant", "so\nit is 12"), ("user", "and now?")]
    mark = mark_of(job_of(found.spec))
    assert mark == {"api": "responses", "effort": "low", "background": True, "instructions": True}
    assert mark_of(job_of(asked().spec)) is None, "a chat completion is no response"


def test_pointers_lead_back_to_what_was_sent() -> None:
    found = asked(max_tokens=5)
    assert found.param("/problem/messages/0/content") == "messages[0].content"
    assert found.param("/budget/tokens") == "max_tokens"
    assert found.param("/beta") == "burnish.beta"
    assert found.param("/problem/answer/pattern") == "burnish.answer.pattern"
    assert found.param("") is None


def test_a_long_job_is_no_long_text() -> None:
    narrator = Narrator()
    lines = [narrator.line(refinement(tokens, "12", 0.7)) for tokens in range(100, 1_000_000, 100)]
    told = [line for line in lines if line]
    assert told[0] == "100 tokens: '12' leads with 0.70\n"
    assert len(told) < 200
    assert narrator.line(refinement(1_000_000, "13", 0.7)) is not None, "another leader is always news"


def test_rollbacks_are_told() -> None:
    move = {"kept": 1, "rolled_back": ["a", "b"], "accepted": ["so", " it is"]}
    line = Narrator().line(refinement(200, "12", 0.7, tree=[move]))
    assert line == "200 tokens: '12' leads with 0.70 (0.50 to 0.90); went back 2 steps, now 'so it is'\n"
