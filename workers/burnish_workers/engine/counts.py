"""Numbers that a process counts on its own, and adds to those of the store now and then.

What the store can count by itself, with what it counts, it does (`Store.tallied`): exactly, whoever dies. What is here
happens outside of it. It is added every few seconds, so that all fronts say the same sums, however many processes there
are and were; one that is killed takes its last seconds with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.store import FrontStore

RATIOS = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0)
"""Upper ends of the buckets of half-widths reached over those forecast."""

AGES = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The same of the seconds between the writing of an event and its delivery."""


@dataclass
class Counts:
    """Amounts by name, since they were last added to those of the store."""

    amounts: dict[str, float] = field(default_factory=dict[str, float])

    def add(self, name: str, more: float = 1.0) -> None:
        self.amounts[name] = self.amounts.get(name, 0.0) + more

    def observe(self, name: str, value: float, bounds: tuple[float, ...]) -> None:
        """One value of a histogram: `<name>|<upper end of its bucket>`, `<name>|sum`."""
        bucket = next((f"{bound:g}" for bound in bounds if value <= bound), "+Inf")
        self.add(f"{name}|{bucket}")
        self.add(f"{name}|sum", value)

    async def flush(self, store: FrontStore) -> None:
        """Add them to the store's; kept for the next time when it is away."""
        taken, self.amounts = self.amounts, {}
        if not taken:
            return
        try:
            await store.tally(taken)
        except StoreUnavailable:
            for name, amount in taken.items():
                self.add(name, amount)
