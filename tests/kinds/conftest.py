"""Fixtures that several tests of kinds share."""

from __future__ import annotations

from .outbound_cases import quick, start

__all__ = ["quick", "start"]
