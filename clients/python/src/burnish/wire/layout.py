"""How the outputs of an answer, which travel as flat lists, make up named arrays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnish.wire.base import Received
from burnish.wire.numeric import Numbers

Column = Sequence[float | None]


class OutputPart(Received):
    """A named array of outputs: element [i][j]... is output start + i strides[0] + j strides[1] + ...

    `shape` is [] for a single number. Parts may be interleaved: a gradient at many points has the strides [k + 1, 1]
    where the value at a point stands before its k components.
    """

    name: str
    start: int
    shape: list[int]
    strides: list[int]

    @staticmethod
    def together(name: str, start: int, shape: Sequence[int]) -> OutputPart:
        """A part whose outputs stand side by side, row by row."""
        strides, step = list[int](), 1
        for length in reversed(shape):
            strides, step = [step, *strides], step * length
        return OutputPart(name=name, start=start, shape=list(shape), strides=strides)

    @property
    def stop(self) -> int:
        """One beyond the last of its outputs; `start` where it has none."""
        steps = [(length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True)]
        return self.start + sum(steps) + 1 if all(self.shape) else self.start

    def place(self, output: int) -> list[int] | None:
        """The index within the part of an output of the answer; None where the output is not of this part."""
        rest, found = output - self.start, list[int]()
        for length, stride in zip(self.shape, self.strides, strict=True):
            found.append(rest // stride)
            rest -= found[-1] * stride
            if not 0 <= found[-1] < length:
                return None
        return found if rest == 0 else None

    def nested(self, column: Column) -> Any:
        """Its elements of a flat list of all outputs, as nested lists; a number where the shape is []."""
        return self._nested(column, self.start, 0)

    def _nested(self, column: Column, at: int, axis: int) -> Any:
        if axis == len(self.shape):
            return column[at]
        stride = self.strides[axis]
        return [self._nested(column, at + i * stride, axis + 1) for i in range(self.shape[axis])]


@dataclass(frozen=True)
class Part:
    """A named array of an answer: nested lists of its shape, a number where the shape is (); None where unknown."""

    name: str
    shape: tuple[int, ...]
    value: Any
    standard_error: Any
    lower: Any
    upper: Any

    def to_numpy(self) -> Numbers:
        """The same as numpy arrays; nan where unknown. Needs numpy."""
        return Numbers.of(vars(self))


def cut(name: str, layout: Sequence[OutputPart] | None, columns: Mapping[str, Column]) -> Part:
    """The part of this name out of flat `value`, `standard_error`, `lower` and `upper`.

    Raises:
        LookupError: no such part, or it reaches beyond the outputs that are listed.
    """
    known = {part.name: part for part in layout or ()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f", perhaps {near[0]!r}" if near else ""
        raise LookupError(f"the answer has no part {name!r}{hint}; its parts: {', '.join(known) or 'none has a name'}")
    part, listed = known[name], len(columns["value"])
    if part.stop > listed:
        what = f"part {name!r} reaches to output {part.stop - 1}, but the event lists the first {listed} only"
        raise LookupError(f"{what}: fetch them all with job.part({name!r})")
    fields = ("value", "standard_error", "lower", "upper")
    return Part(name, tuple(part.shape), *(part.nested(columns[field]) for field in fields))
