"""What this benchmark keeps: see `kept`, one folder up, where all that benchmarks share lies."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from kept import Cell, Kept, rounded

from burnish_workers.kinds.reasoning.kind import VERSION

KEPT = Kept(Path(__file__).parent, VERSION, told=True)
cell, publish, published = KEPT.cell, KEPT.publish, KEPT.published

__all__ = ["KEPT", "Cell", "cell", "publish", "published", "rounded"]
