"""One refined answer: a full snapshot, never a delta. A slow reader may skip any: the last one is enough."""

from __future__ import annotations

from typing import Any

from burnish.wire.artifacts import Artifact
from burnish.wire.base import Received
from burnish.wire.budget import Spent
from burnish.wire.estimate import Estimate, Interval, Refused
from burnish.wire.forecast import Forecast
from burnish.wire.layout import OutputPart, Part, cut
from burnish.wire.numeric import Numbers


class AnswerArrays(Received):
    """Where all outputs of an answer are that lists only the first `listed` of them.

    A safetensors file of float64 arrays `value`, `standard_error`, `lower`, `upper` (nan where there is none); kept at
    looks and at the end, so that `href` is null in between.
    """

    outputs: int
    listed: int
    name: str | None = None
    href: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    widest_half_width: float | None = None
    median_half_width: float | None = None
    without_interval: int = 0


class Refinement(Received):
    """The answer after `blocks` blocks.

    `interval` is null between looks and where it is refused. `digest` is the sha256 of the canonical (blocks, estimate,
    interval, refused, diagnostics): by the law it is the same for the same (resolved spec, seed, blocks), whatever
    workers computed it. `observation`: the index of the last observation that the answer contains; null for jobs that
    assimilate none. `arrays`: where there are more outputs than an event should carry, all of them. `layout`: the names
    and shapes of the outputs, for kinds that name them. `artifacts`: files that the newest look left, such as samples.
    """

    sequence: int = 0
    job_id: str = ""
    blocks: int
    replicates: int
    observation: int | None = None
    final: bool = False
    estimate: Estimate
    interval: Interval | None = None
    refused: Refused | None = None
    digest: str
    forecast: Forecast | None = None
    spent: Spent
    arrays: AnswerArrays | None = None
    layout: list[OutputPart] | None = None
    artifacts: list[Artifact] | None = None
    diagnostics: dict[str, Any] = {}

    def columns(self) -> dict[str, list[float | None]]:
        """The outputs that are listed, by `value`, `standard_error`, and the limits `lower` and `upper`."""
        unknown: list[float | None] = [None] * len(self.estimate.value)
        interval = self.interval
        return {
            "value": self.estimate.value,
            "standard_error": self.estimate.standard_error,
            "lower": interval.lower if interval else unknown,
            "upper": interval.upper if interval else unknown,
        }

    def part(self, name: str) -> Part:
        """A named array of the outputs, such as `mean`, as nested lists of its shape.

        Raises `LookupError`, which lists the names there are, or says that the outputs are in a file (`Job.part`).
        """
        return cut(name, self.layout, self.columns())

    def to_numpy(self, name: str | None = None) -> Numbers:
        """The outputs that are listed, or the part of this name, as numpy arrays; nan where unknown. Needs numpy."""
        return Numbers.of(self.columns()) if name is None else self.part(name).to_numpy()
