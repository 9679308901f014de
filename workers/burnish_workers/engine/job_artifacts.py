"""The files that a kind leaves beside its answers: written before the event that names them, replaced by newer ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from burnish.wire import Artifact
from burnish_workers.engine.artifact_names import media_type_of
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.large_answers import artifact_at
from burnish_workers.engine.progress import Progress

Draw = Callable[[Progress], Mapping[str, bytes]]
"""The files after so many blocks, by name without the blocks: `samples.safetensors`, `posterior.png`."""

KEPT = ".png"
"""Pictures are small: how one sharpened over the looks is worth keeping."""


class JobArtifacts:
    """Those of one job. `listed`: what the newest event names, or is about to name."""

    def __init__(self, job: str, store: Artifacts, draw: Draw | None, listed: tuple[Artifact, ...] = ()):
        self._job, self._store, self._draw = job, store, draw
        self.listed, self._stale = listed, list[str]()

    async def write(self, progress: Progress) -> None:
        """Make and store the files of this look; call `sweep` once an event has named them."""
        if self._draw is None:
            return
        files = sorted(self._draw(progress).items())
        newer = tuple([await self._written(name, data, progress.blocks) for name, data in files])
        names = {artifact.name for artifact in newer}
        self._stale += [a.name for a in self.listed if a.name not in names and not a.name.endswith(KEPT)]
        self.listed = newer

    async def sweep(self) -> None:
        """Remove the files that no new event names."""
        while self._stale:
            await self._store.remove(artifact_at(self._job, self._stale.pop()))

    async def _written(self, name: str, data: bytes, blocks: int) -> Artifact:
        path = PurePosixPath(name)
        full = f"{path.stem}-{blocks}{path.suffix}"
        await self._store.write(artifact_at(self._job, full), data)
        return Artifact(
            name=full,
            href=f"/v1/jobs/{self._job}/artifacts/{full}",
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            media_type=media_type_of(full),
        )
