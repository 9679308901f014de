"""Tenants: those who share a service without seeing each other. What they may do, and how much."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT = "default"
"""Whose everything is where nobody needs a key, and whose everything was before there were tenants."""

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TENANT_RULE = "1 to 63 of a-z, 0-9 and -, the first no -"


@dataclass(frozen=True)
class Quota:
    """What a tenant may have; None: without limit.

    `jobs`: live at a time; `units`: spent in a UTC day before new jobs are refused; `bytes`: of uploads kept.
    """

    jobs: int | None = None
    units: int | None = None
    bytes: int | None = None
