"""Responses: a job's events unfolded into OpenAI's, numbered by their place.

The numbering is a pure function of the stored events, from the first on: whoever unfolds them again, after a dropped
connection or on another replica, gives every event the same number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from burnish.wire import TERMINAL_EVENTS, Event, Job
from burnish_service.adapters.chat import model_of
from burnish_service.adapters.findings import Finding
from burnish_service.adapters.narration import Narrator
from burnish_service.adapters.requests import MARK
from burnish_service.adapters.times import seconds_of

PREFIX = "resp_"


def response_id(job: str) -> str:
    return PREFIX + job.removeprefix("job_")


def job_of(response: str) -> str:
    return f"job_{response.removeprefix(PREFIX)}"


def mark_of(job: Job) -> dict[str, Any] | None:
    """What the adapter kept of the request; None for jobs that no response stands for."""
    kept = job.spec.model_dump().get("metadata", {}).get(MARK)
    try:
        mark = json.loads(kept) if kept else None
    except ValueError:
        return None
    return mark if isinstance(mark, dict) and mark.get("api") == "responses" else None


@dataclass
class Unfolding:
    """The response as far as the events that were taken tell of it."""

    job: Job
    status: str = ""
    ended_at: str | None = None
    number: int = 0
    finding: Finding = field(init=False)
    narrator: Narrator = field(default_factory=Narrator)
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.mark = mark_of(self.job) or {}
        self.key = self.job.id.removeprefix("job_")
        self.finding = Finding(self.job.id)

    def take(self, event: Event) -> Iterator[dict[str, Any]]:
        """The events of an event, each with its number."""
        for found in self._of(event):
            yield {"type": found.pop("type"), "sequence_number": self.number, **found}
            self.number += 1

    def put(self, event: Event) -> None:
        """Take an event, whose own ones nobody reads."""
        for _ in self.take(event):
            pass

    def _of(self, event: Event) -> Iterator[dict[str, Any]]:
        self.finding = self.finding.after(event)
        if not self.status:
            yield from self._begins()
        if self.status == "queued" and event.data.get("status") != "queued":
            self.status = "in_progress"
            yield self._whole("response.in_progress")
        if event.type == "refinement" and (line := self.narrator.line(event.data)):
            yield from self._thinks(line)
        if event.type in TERMINAL_EVENTS:
            self.ended_at = event.at
            yield from self._ends(event)

    def _begins(self) -> Iterator[dict[str, Any]]:
        self.status = "queued" if self.mark.get("background") else "in_progress"
        yield self._whole("response.created")
        yield self._whole(f"response.{self.status}")

    def _thinks(self, line: str) -> Iterator[dict[str, Any]]:
        if not self.lines:
            yield {"type": "response.output_item.added", "output_index": 0, "item": self._reasoning("in_progress")}
            yield {"type": "response.reasoning_summary_part.added", **self._summary, "part": _summed("")}
        self.lines.append(line)
        yield {"type": "response.reasoning_summary_text.delta", **self._summary, "delta": line}

    def _ends(self, event: Event) -> Iterator[dict[str, Any]]:
        if self.lines:
            text = "".join(self.lines)
            yield {"type": "response.reasoning_summary_text.done", **self._summary, "text": text}
            yield {"type": "response.reasoning_summary_part.done", **self._summary, "part": _summed(text)}
            yield {"type": "response.output_item.done", "output_index": 0, "item": self._reasoning("completed")}
        self.status = self._final(event)
        if self.finding.text is not None and self.status != "failed":
            yield from self._speaks(self.finding.text)
        # Clients know no event for a response that was cancelled: it is one that is not complete.
        name = "incomplete" if self.status == "cancelled" else self.status
        yield self._whole(f"response.{name}")

    def _final(self, event: Event) -> str:
        if event.type in ("failed", "crashed"):
            return "failed"
        if event.type == "cancelled":
            return "cancelled"
        return "completed" if self.finding.text is not None else "incomplete"

    def _speaks(self, text: str) -> Iterator[dict[str, Any]]:
        index = 1 if self.lines else 0
        place = {"item_id": f"msg_{self.key}", "output_index": index, "content_index": 0}
        item = {**self._message(text), "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": index, "item": item}
        yield {"type": "response.content_part.added", **place, "part": _spoken("")}
        yield {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []}
        yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": _spoken(text)}
        yield {"type": "response.output_item.done", "output_index": index, "item": self._message(text)}

    @property
    def _summary(self) -> dict[str, Any]:
        return {"item_id": f"rs_{self.key}", "output_index": 0, "summary_index": 0}

    def _reasoning(self, status: str) -> dict[str, Any]:
        summary = [_summed("".join(self.lines))] if self.lines else []
        return {"id": f"rs_{self.key}", "type": "reasoning", "status": status, "summary": summary}

    def _message(self, text: str) -> dict[str, Any]:
        item = {"id": f"msg_{self.key}", "type": "message", "role": "assistant", "status": "completed"}
        return {**item, "content": [_spoken(text)]}

    def _whole(self, type: str) -> dict[str, Any]:
        return {"type": type, "response": self.document()}

    def document(self) -> dict[str, Any]:
        """The response object."""
        over = self.ended_at is not None
        return {
            **self._request(),
            "status": self.status,
            "completed_at": seconds_of(self.ended_at) if self.ended_at and self.status == "completed" else None,
            "error": self._error(),
            "incomplete_details": {"reason": "max_output_tokens"} if self.status == "incomplete" else None,
            "output": self._output(),
            "usage": self._usage() if over else None,
            "burnish": self.finding.told(),
        }

    def _request(self) -> dict[str, Any]:
        """What does not change while the job runs."""
        spec, mark = self.job.spec.model_dump(mode="json"), self.mark
        problem, kept = spec["problem"], spec["metadata"]
        instructions = problem["messages"][0]["content"] if mark.get("instructions") else None
        return {
            "id": response_id(self.job.id),
            "object": "response",
            "created_at": seconds_of(self.job.created_at),
            "model": model_of(self.job),
            "background": bool(mark.get("background")),
            "instructions": instructions,
            "max_output_tokens": mark.get("most"),
            "metadata": {name: value for name, value in kept.items() if name not in (MARK, "user")},
            "user": kept.get("user"),
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "reasoning": {"effort": mark.get("effort"), "summary": "auto"},
            "store": True,
            "temperature": problem["temperature"],
            "text": {"format": {"type": "text"}},
            "tool_choice": "none",
            "tools": [],
            "top_p": problem["top_p"],
            "truncation": "disabled",
        }

    def _output(self) -> list[dict[str, Any]]:
        """The items that are complete."""
        if self.ended_at is None:
            return []
        found = [self._reasoning("completed")] if self.lines else []
        spoken = self.finding.text is not None and self.status != "failed"
        return [*found, self._message(self.finding.text or "")] if spoken else found

    def _error(self) -> dict[str, Any] | None:
        problem = self.finding.error
        if problem is None:
            return None
        ours = self.finding.status == "crashed"
        return {"code": "server_error" if ours else "invalid_prompt", "message": problem["detail"]}

    def _usage(self) -> dict[str, Any]:
        finding = self.finding
        return {
            "input_tokens": finding.prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": finding.sampled,
            "output_tokens_details": {"reasoning_tokens": finding.reasoning},
            "total_tokens": finding.prompt + finding.sampled,
        }


def _summed(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def _spoken(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
