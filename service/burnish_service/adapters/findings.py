"""What a job has found, read from its events alone: the text of the answer, what it took, how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from burnish.wire import Event


@dataclass(frozen=True)
class Finding:
    """The last refinement of a job, and its end. `text`: None where no finished path has any weight yet."""

    job: str
    refinement: dict[str, Any] | None = None
    end: dict[str, Any] | None = None

    def after(self, event: Event) -> Finding:
        if event.type == "refinement":
            return Finding(self.job, event.data, self.end)
        return Finding(self.job, self.refinement, event.data) if event.type in _ENDS else self

    @property
    def _told(self) -> dict[str, Any]:
        return self.refinement["diagnostics"] if self.refinement else {}

    @property
    def _path(self) -> dict[str, Any]:
        """The best path of the leading answer; where none of the named ones leads, the best path of all."""
        return self._told.get("leading") or self._told.get("best") or {}

    @property
    def text(self) -> str | None:
        steps = self._path.get("steps")
        return None if steps is None else "".join(steps)

    @property
    def answer(self) -> str | None:
        return self._path.get("answer")

    @property
    def error(self) -> dict[str, Any] | None:
        """The problem of a job that broke."""
        return (self.end or {}).get("error")

    @property
    def status(self) -> str:
        """How the job ended."""
        return (self.end or {}).get("status", "running")

    @property
    def sampled(self) -> int:
        """All tokens that were sampled, those of rejected candidates and of the pilot too."""
        spent = (self.end or {}).get("spent") or (self.refinement or {}).get("spent") or {}
        return int(spent.get("tokens", 0)) + int(self._told.get("pilot_tokens") or 0)

    @property
    def prompt(self) -> int:
        """Tokens of the prompt, as the model's tokenizer counts them; 0 until a worker has told."""
        return int(self._told.get("prompt_tokens") or 0)

    @property
    def reasoning(self) -> int:
        """Sampled tokens that are not in the answer's text."""
        return max(self.sampled - int(self._path.get("length") or 0), 0)

    def told(self) -> dict[str, Any]:
        """The `burnish` object of an answer: what OpenAI's has no field for."""
        refinement, end = self.refinement or {}, self.end or {}
        return {
            "job": self.job,
            "answer": self.answer,
            "answers": answers(self.refinement),
            "stopped_by": end.get("stopped_by"),
            "digest": refinement.get("digest"),
            "refused": refinement.get("refused"),
        }


_ENDS = frozenset({"completed", "failed", "crashed", "cancelled"})


def answers(refinement: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The chances of the answers, the likeliest first; `lower` and `upper` are null between looks."""
    if refinement is None:
        return []
    names, interval = refinement["diagnostics"].get("answers", []), refinement.get("interval") or {}
    unknown = [None] * len(names)
    columns = (names, refinement["estimate"]["value"], interval.get("lower", unknown), interval.get("upper", unknown))
    names_of = ("answer", "chance", "lower", "upper")
    rows: list[dict[str, Any]] = [dict(zip(names_of, row, strict=True)) for row in zip(*columns, strict=False)]
    return sorted(rows, key=lambda row: -(row["chance"] or 0.0))
