"""What is no value, said in words: which path got it, as people read it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

MOST_WORDS = 400
"""Characters of a path that a message shows: its end, where it is longer."""


class BadValue(ValueError):
    """A verifier returned what is no value."""


def named(words: Sequence[str], *, leaf: bool) -> str:
    """A path as it is named in messages: the finished path 'add the digits > so 12'."""
    if not words:
        return "the empty path"
    written = " > ".join(word.strip() or repr(word) for word in words)
    if len(written) > MOST_WORDS:
        written = "..." + written[-MOST_WORDS:]
    return f"the {'finished' if leaf else 'unfinished'} path {written!r}"


def log_of(value: float, words: Callable[[], Sequence[str]], *, leaf: bool) -> float:
    """log V, -inf for 0. Raises BadValue where V is negative, nan or infinite."""
    if not 0 <= value < math.inf:
        what = "values are finite numbers, 0 or larger"
        raise BadValue(f"the verifier gave {value} to {named(words(), leaf=leaf)}; {what}")
    return math.log(value) if value > 0 else -math.inf


def sound(log_value: float, words: Callable[[], Sequence[str]], *, leaf: bool) -> float:
    """The score of a finished path or the logarithm of a value, as it is. Raises BadValue for nan and infinity."""
    if math.isnan(log_value) or log_value == math.inf:
        what = "a score is a number, or minus infinity" if leaf else "values are numbers"
        raise BadValue(f"the verifier gave {log_value} to {named(words(), leaf=leaf)}; {what}")
    return log_value
