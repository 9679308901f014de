"""Whether a kind knows the amounts that a budget limits: an amount that is never used up would never end a job."""

from __future__ import annotations

from burnish.wire import Budget
from burnish_workers.core.kind import Kind, SpecError

_GENERATED = ("tokens", "verifier_calls")


def check_amounts(kind: Kind, budget: Budget, under: str = "/budget") -> None:
    """Raises SpecError."""
    asked = [name for name in _GENERATED if getattr(budget, name) is not None]
    if asked and not kind.generates:
        what = f"jobs of kind {kind.name!r} use up no {asked[0]}"
        raise SpecError(f"{under}/{asked[0]}", f"{what}; limit seconds, units or a tolerance")
