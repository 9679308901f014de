"""Files to upload: their bytes, and waiting until the service has tried them."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any, Protocol, cast

from burnish import wire
from burnish.errors import ModelRejected, WaitTimeout

_PAUSES = (0.1, 1.0)


class Exported(Protocol):
    """What `burnish.export` makes."""

    @property
    def data(self) -> bytes: ...


class ArrayLike(Protocol):
    """Arrays and tensors of any library that numpy understands."""

    def __array__(self) -> Any: ...


Model = Exported | bytes | str | os.PathLike[str]
Array = ArrayLike | bytes | str | os.PathLike[str]


def content(value: Model | Array) -> bytes:
    """The bytes of a file, of bytes, of an exported model, or of an array as `.npy` (needs numpy)."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str | os.PathLike):
        return Path(value).read_bytes()
    data = getattr(value, "data", None)
    return data if isinstance(data, bytes) else _npy(cast("ArrayLike", value))


def _npy(array: ArrayLike) -> bytes:
    numpy: Any = __import__("numpy")
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.asarray(array), allow_pickle=False)
    return buffer.getvalue()


class Polling:
    """How long to pause between two looks at a model that is being checked."""

    def __init__(self, id: str, patience: float | None) -> None:
        self._id, self._patience = id, patience or 0.0
        self._deadline = time.monotonic() + self._patience
        self._pause, self._longest = _PAUSES

    def pause(self) -> float:
        """Seconds to sleep now. Raises `WaitTimeout` when the patience is over."""
        if time.monotonic() >= self._deadline:
            raise WaitTimeout(f"model {self._id} is still being checked after {self._patience:g} s; ask for it later")
        pause, self._pause = self._pause, min(2 * self._pause, self._longest)
        return pause


def judged(stored: wire.StoredFile) -> wire.StoredFile:
    """The file, unless the service will not have it. Raises `ModelRejected`."""
    if stored.state == "rejected":
        problem = stored.problem or wire.Problem(title="Model rejected", status=422, detail=f"{stored.id} was rejected")
        raise ModelRejected(problem)
    return stored
