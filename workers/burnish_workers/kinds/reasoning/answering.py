"""What a finished text answers, by the rule of a problem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from burnish.wire.specs.language import AnswerRule, PatternAnswer
from burnish_workers.core.kind import SpecError

MOST = 200
"""Characters of an answer."""

NONE = "(none)"
"""Where the rule finds nothing."""

_NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?")


def check_rule(rule: AnswerRule | None, at: str) -> None:
    """Raise SpecError for a pattern that is none."""
    if isinstance(rule, PatternAnswer):
        try:
            re.compile(rule.pattern)
        except re.error as error:
            raise SpecError(f"{at}/pattern", f"{rule.pattern!r} is no regular expression: {error}") from None


def answer_of(rule: AnswerRule | None, steps: Sequence[str]) -> str:
    """The answer in the texts of all steps; `NONE` where there is none."""
    text = "".join(steps)
    if isinstance(rule, PatternAnswer):
        found = _last(rule.pattern, text)
    elif rule is None or rule.type == "text":
        found = text
    elif rule.type == "last_step":
        found = steps[-1] if steps else ""
    else:
        found = _number(text)
    return found.strip()[:MOST] or NONE


def _last(pattern: str, text: str) -> str:
    matches = list(re.finditer(pattern, text))
    if not matches:
        return ""
    last = matches[-1]
    return (last.group(1) if last.re.groups else last.group()) or ""


def _number(text: str) -> str:
    """The last number, written the shortest way: 1,200.50 is 1200.5."""
    numbers = _NUMBER.findall(text)
    if not numbers:
        return ""
    value = Decimal(numbers[-1].replace(",", ""))
    written = f"{value:f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if value == 0 else written
