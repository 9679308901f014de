"""Chat completions: the whole answer, or chunks of it, from a job's events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from burnish.wire import TERMINAL_EVENTS, Event, Job
from burnish_service.adapters.errors import broken
from burnish_service.adapters.findings import Finding
from burnish_service.adapters.narration import Narrator
from burnish_service.adapters.times import seconds_of


def usage(finding: Finding) -> dict[str, Any]:
    """`completion_tokens`: every token that was sampled; `reasoning_tokens`: those that are not in the content."""
    return {
        "prompt_tokens": finding.prompt,
        "completion_tokens": finding.sampled,
        "total_tokens": finding.prompt + finding.sampled,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": finding.reasoning},
    }


def ended(finding: Finding) -> str:
    """`length`: the budget was spent before any path had an answer."""
    return "stop" if finding.text is not None else "length"


def head(job: Job, object: str) -> dict[str, Any]:
    """What is the same in all that is said of a job."""
    name = f"chatcmpl-{job.id.removeprefix('job_')}"
    return {"id": name, "object": object, "created": seconds_of(job.created_at), "model": model_of(job)}


def model_of(job: Job) -> str:
    return job.spec.model_dump()["problem"]["model"]


def completion(job: Job, finding: Finding) -> dict[str, Any]:
    """The whole answer."""
    message = {"role": "assistant", "content": finding.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ended(finding)}
    return {
        **head(job, "chat.completion"),
        "choices": [choice],
        "usage": usage(finding),
        "burnish": finding.told(),
    }


@dataclass
class Chunks:
    """The answer in pieces: progress as `reasoning_content`, the text once as `content`, then the usage if asked."""

    job: Job
    include_usage: bool
    finding: Finding = field(init=False)
    narrator: Narrator = field(default_factory=Narrator)

    def __post_init__(self) -> None:
        self.finding = Finding(self.job.id)

    def first(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": ""}, burnish={"job": self.job.id})

    def take(self, event: Event) -> Iterator[dict[str, Any]]:
        """The chunks of an event."""
        self.finding = self.finding.after(event)
        if event.type == "refinement" and (line := self.narrator.line(event.data)):
            yield self._chunk({"reasoning_content": line})
        if event.type not in TERMINAL_EVENTS:
            return
        if self.finding.error is not None:
            yield {"error": broken(self.finding.error, event.type).model_dump()}
            return
        if self.finding.text is not None:
            yield self._chunk({"content": self.finding.text})
        yield self._chunk({}, ended(self.finding), burnish=self.finding.told())
        if self.include_usage:
            yield {**head(self.job, "chat.completion.chunk"), "choices": [], "usage": usage(self.finding)}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        empty = {"usage": None} if self.include_usage else {}
        return {**head(self.job, "chat.completion.chunk"), "choices": [choice], **empty, **more}
