"""Fixtures that several tests of kinds share."""

from __future__ import annotations

from .outbound_cases import impatient, quick, start

__all__ = ["impatient", "quick", "start"]
