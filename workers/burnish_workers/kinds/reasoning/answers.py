"""What a finished text answers. Pure functions of the generated text, torch-free."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from burnish.wire.specs.language import PatternAnswer, PlainAnswer
from burnish_workers.core.kind import SpecError

NONE = "none"
"""The answer of a text in which the rule finds nothing."""

LONGEST = 200
"""Characters of an answer: longer ones are cut, as those of a spec are."""

_NUMBER = re.compile(r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")


def check_rule(rule: PatternAnswer | PlainAnswer, where: str) -> None:
    """Raises SpecError for a pattern that is no regular expression."""
    if isinstance(rule, PatternAnswer):
        try:
            re.compile(rule.pattern)
        except re.error as error:
            raise SpecError(where, f"{rule.pattern!r} is not a regular expression: {error}") from None


def answer_of(rule: PatternAnswer | PlainAnswer, text: str, last_step: str) -> str:
    """By the rule, of all that was written and of its last step; `NONE` where it finds nothing."""
    if isinstance(rule, PatternAnswer):
        found = _last_match(rule.pattern, text)
    elif rule.type == "number":
        found = _last_number(text)
    else:
        found = (text if rule.type == "text" else last_step).strip()
    return (found or NONE)[:LONGEST]


def _last_match(pattern: str, text: str) -> str:
    found = list(re.finditer(pattern, text))
    if not found:
        return ""
    last = found[-1]
    return ((last.group(1) or "") if last.re.groups else last.group()).strip()


def _last_number(text: str) -> str:
    """The shortest way to write it: 007 and 7.0 are both 7."""
    found = _NUMBER.findall(text)
    if not found:
        return ""
    try:
        value = Decimal(found[-1].replace(",", ""))
    except InvalidOperation:
        return ""
    return format(value.normalize(), "f") if abs(value.adjusted()) < 40 else str(value.normalize())
