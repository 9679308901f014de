"""What `MemoryStore` has counted since its beginning, by name: what metrics are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from burnish.wire import Spent
from burnish_workers.engine.records import JobRecord, LedgerRow


class MemoryTallies:
    """Counters that only grow."""

    def __init__(self) -> None:
        self._counted: dict[str, float] = {}

    def add(self, name: str, more: float = 1) -> None:
        self._counted[name] = self._counted.get(name, 0.0) + more

    def update(self, amounts: Mapping[str, float]) -> None:
        for name, more in amounts.items():
            self.add(name, more)

    def charge(self, record: JobRecord, spent: Spent) -> None:
        """What the job has spent since `record` was written, for its tenant."""
        for name in Spent.model_fields:
            more = (getattr(spent, name) or 0) - (getattr(record.spent, name) or 0)
            if more > 0:
                self.add(f"spent|{record.tenant}|{record.kind}|{name}", more)

    def blocks(self, kind: str, rows: Iterable[LedgerRow]) -> None:
        """Blocks that were folded, and how often they were issued again."""
        for row in rows:
            self.add(f"blocks|{kind}")
            if row.attempts > 1:
                self.add(f"reissued|{kind}", row.attempts - 1)

    def all(self) -> dict[str, float]:
        return dict(self._counted)
