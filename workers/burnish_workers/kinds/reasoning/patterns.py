"""Regular expressions of users, in linear time: RE2, which has no look-around and no references to groups.

Python's own engine takes (a+)+$ exponentially long over a row of a's, and would hang a worker; and a limit in seconds
would make the outcome depend on the machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MEMORY = 4 << 20
"""Bytes that a compiled pattern may take: counted repetitions, nested, would grow without limit."""


class BadPattern(ValueError):
    """A pattern that cannot be compiled."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """What `search`, `finditer` and `groups` are asked of. Raises BadPattern."""
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise BadPattern(
            f"{pattern!r} is no regular expression of RE2: {said}. Look-around such as (?=...) and references such as "
            "\\1 are not supported, and a count is at most 1,000"
        ) from None
