"""The last number that was written, with a unit behind it where one is asked for."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable

from burnish.wire.specs.verifiers import NumberCheck
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.checks.units import LONGEST, UNIT, BadUnit, in_units

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(rf"(?<![\w.^])(?<!\^-)[-+\u2212]?(?:{_DIGITS})(?:[eE][-+]?\d{{1,3}})?")
"""A sign, thousands separated by commas, a fraction, a power of ten; not the 2 of x2 or of m^2."""

_BEHIND = re.compile(rf"[ \u00a0]?({UNIT})")
_LONGEST_NUMBER = 400


def number_passes(check: NumberCheck, at: str) -> Callable[[str, str], bool]:
    """|x - value| <= max(abs_tol, rel_tol |value|), x in the unit of `value`. Raises SpecError for an unknown unit."""
    allowed = max(check.abs_tol, check.rel_tol * abs(check.value))
    if check.unit is not None:
        try:
            in_units(1.0, check.unit, check.unit)
        except BadUnit as error:
            raise SpecError(f"{at}/unit", str(error)) from None

    def passes(prompt: str, text: str) -> bool:
        found = last_quantity(text)
        if found is None:
            return False
        number, unit = found
        if check.unit is not None:
            number = _converted(number, unit, check.unit)
        return abs(number - check.value) <= allowed

    return passes


def last_quantity(text: str) -> tuple[float, str | None] | None:
    """The last number and what stands behind it like a unit; None where there is no number.

    >>> last_quantity("so 1,200 m, that is 1.2 km.")
    (1.2, 'km')
    """
    last = deque(_NUMBER.finditer(text), maxlen=1)
    if not last or len(last[0][0]) > _LONGEST_NUMBER:
        return None
    number = last[0]
    behind = _BEHIND.match(text, number.end())
    unit = behind[1] if behind is not None and len(behind[1]) <= LONGEST else None
    return float(number[0].replace(",", "").replace("\u2212", "-")), unit


def _converted(number: float, unit: str | None, wanted: str) -> float:
    """nan where there is no unit behind the number or one of another kind."""
    if unit is None:
        return math.nan
    try:
        return in_units(number, unit, wanted)
    except BadUnit:
        return math.nan
