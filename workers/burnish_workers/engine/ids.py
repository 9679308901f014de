"""Ids: what it is, as in `job_`, and 26 characters of Crockford base32, sortable by time of creation (as ULIDs are)."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


JOB = "job_"


def job_id() -> str:
    """The id of a new job."""
    return fresh_id(JOB)


def fresh_id(prefix: str) -> str:
    """A new id: 48 bits of milliseconds, 80 bits of randomness."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))
