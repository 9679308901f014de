"""Files that a job leaves beside its answer: samples, pictures."""

from __future__ import annotations

from burnish.wire.base import Received


class Artifact(Received):
    """A file of the newest look: `samples-64.safetensors` is named for what it is and for the blocks it was made from.

    A newer look replaces it and then it is gone, except for pictures (.png), which are small: those of all looks stay
    for as long as the job is kept.
    """

    name: str
    href: str
    bytes: int
    sha256: str
    media_type: str
