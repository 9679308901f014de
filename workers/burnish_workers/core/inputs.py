"""What a spec names by sha256 instead of holding it: uploaded models and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from burnish.wire.files import ArrayReference, ModelReference
from burnish_workers.core.array_file import read_arrays


@dataclass(frozen=True)
class Inputs:
    """Uploads by `sha256:...`. `cards`: what is known of each; `files`: their bytes.

    Bytes of arrays are there wherever a spec is looked at; bytes of models only on workers. All have been checked.
    """

    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    def card(self, reference: ModelReference) -> Mapping[str, Any]:
        """What the check of the model found: `dim` and more."""
        return self.cards[reference.model]

    def model(self, reference: ModelReference) -> bytes:
        """The bytes of a model, on a worker."""
        return self.files[reference.model]

    def arrays(self, reference: ArrayReference) -> dict[str, NDArray[Any]]:
        """The arrays of a file, by name."""
        return read_arrays(self.files[reference.array])


NOTHING = Inputs()
"""The inputs of a spec that names none."""
