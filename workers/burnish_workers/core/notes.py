"""What a kind remembers of its blocks beside numbers: labels, a best answer, a tree. JSON as an array of bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Notes:
    """`content`: plain data; how two are folded is the kind's affair."""

    content: dict[str, Any] = field(default_factory=dict[str, Any])

    def summary(self) -> tuple[float, float]:
        """Size in bytes; there is nothing to average."""
        return float(len(self.to_arrays()["json"])), 0.0

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, to store or to send: equal contents have equal bytes."""
        text = json.dumps(self.content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return {"json": np.frombuffer(text.encode(), np.uint8).copy()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Notes:
        """Inverse of `to_arrays`."""
        return Notes(json.loads(arrays["json"].tobytes()))
