"""Exact checks: pure functions of the prompt and of what was written, without torch, in time that is bounded.

A score is 0 where the check passes and minus infinity where it does not: tau = exp(v/beta) is 1 or 0 at any beta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from burnish.wire.specs.verifiers import (
    ArithmeticCheck,
    BalancedCheck,
    Check,
    EqualsCheck,
    MatchesCheck,
    NumberCheck,
)
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.checks import arithmetic, dyck
from burnish_workers.kinds.reasoning.checks.numbers import number_passes
from burnish_workers.kinds.reasoning.checks.schemas import schema_passes
from burnish_workers.kinds.reasoning.patterns import BadPattern, compiled

Passes = Callable[[str, str], bool]
"""Whether what was written, the second argument, is right for the prompt, the first."""

_CHECKS: TypeAdapter[Check] = TypeAdapter(Check)


def read(content: Mapping[str, Any]) -> Check:
    """The check that a model's card names. Raises ValueError, which lists what is known."""
    try:
        return _CHECKS.validate_python(dict(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/".join(str(each) for each in first["loc"])
        raise ValueError(f"check {dict(content)!r}: {where + ': ' if where else ''}{first['msg']}") from None


def passes_by(check: Check, at: str = "") -> Passes:
    """The check, compiled once for many texts. Raises SpecError with a pointer under `at` for one that makes no sense:
    a pattern or a schema that is none, an unknown unit."""
    match check:
        case MatchesCheck():
            return _matches(check, at)
        case EqualsCheck():
            return _equals(check)
        case NumberCheck():
            return number_passes(check, at)
        case ArithmeticCheck():
            return arithmetic.passes
        case BalancedCheck():
            return dyck.passes
        case _:
            return schema_passes(check.json_schema, f"{at}/json_schema")


def judge(check: Check | Mapping[str, Any], prompt: str, text: str) -> float:
    """v in {0, -inf}: whether `text`, written behind `prompt`, passes. For many texts compile `passes_by` once."""
    passes = passes_by(read(check) if isinstance(check, Mapping) else check)
    return score(passes(prompt, text))


def score(passed: bool) -> float:
    """0 or minus infinity."""
    return 0.0 if passed else -math.inf


def _matches(check: MatchesCheck, at: str) -> Passes:
    try:
        pattern = compiled(check.pattern)
    except BadPattern as error:
        raise SpecError(f"{at}/pattern", str(error)) from None
    return lambda prompt, text: pattern.search(text) is not None


def _equals(check: EqualsCheck) -> Passes:
    def plain(text: str) -> str:
        return text.strip() if check.case else text.strip().casefold()

    wanted = plain(check.text)
    return lambda prompt, text: plain(text) == wanted
