"""Quantities in other units, by pint; loaded when the first unit is asked for, which takes half a second."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

UNIT = r"(?:%|°?[^\W\d_]+(?:\^-?[1-6]|[²³])?|°)(?:[*/·][^\W\d_]+(?:\^-?[1-6]|[²³])?)*"
"""Names with small exponents, multiplied and divided: pint itself would go on to work out 9^9^9."""

LONGEST = 40
_WHOLE = re.compile(UNIT)


class BadUnit(ValueError):
    """A unit that is not known, or one of another kind."""


def in_units(number: float, unit: str, wanted: str) -> float:
    """`number` units as a number of `wanted` ones. Raises BadUnit."""
    registry, given, found = _registry(), _parsed(unit), _parsed(wanted)
    if given == found:
        return number
    import pint

    try:
        return float(registry.Quantity(number, given).to(found).magnitude)
    except pint.errors.PintError as error:
        raise BadUnit(str(error)) from None


@lru_cache(maxsize=1_024)
def _parsed(unit: str) -> Any:
    import pint

    if len(unit) > LONGEST or _WHOLE.fullmatch(unit) is None:
        raise BadUnit(f"{unit!r} is no unit: write names with * / ^, for example km/h, m^2 or °C")
    try:
        return _registry().parse_units(unit.replace("·", "*"))
    except (pint.errors.PintError, AssertionError, ValueError) as error:
        raise BadUnit(f"the unit {unit!r} is not known ({error})") from None


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=None)
