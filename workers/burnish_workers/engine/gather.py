"""Fetching the uploads that a spec names, for the door and for those who conduct the job."""

from __future__ import annotations

from burnish.wire import SpecBase
from burnish.wire.files import FileType, ModelReference, StoredFile, references
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.library import Files, artifact_of


class StillChecking(Exception):
    """A model that a job names has not been tried yet."""


def named(spec: SpecBase) -> list[tuple[str, FileType, str]]:
    """(pointer, type, id) of every upload that a spec names."""
    found: list[tuple[str, FileType, str]] = []
    for pointer, reference in references(spec):
        if isinstance(reference, ModelReference):
            found.append((f"{pointer}/model", "model", reference.model))
        else:
            found.append((f"{pointer}/array", "array", reference.array))
    return found


async def gather(spec: SpecBase, library: Files, artifacts: Artifacts, *, whole: bool) -> Inputs:
    """The uploads of a spec; the bytes of models only where `whole`.

    Raises SpecError for one that is unknown or was rejected and, where `whole`, StillChecking for a model that is being
    checked.
    """
    cards, files = dict[str, dict[str, object]](), dict[str, bytes]()
    for pointer, type, id in named(spec):
        file = await library.get(type, id)
        _check(file, pointer, type, id)
        assert file is not None
        if whole and file.state == "checking":
            raise StillChecking(f"model {id[:19]}... is being checked")
        cards[id] = file.card
        if whole or type == "array":
            files[id] = await artifacts.read(artifact_of(type, id))
    return Inputs(cards, files)


def _check(file: StoredFile | None, pointer: str, type: FileType, id: str) -> None:
    if file is None:
        raise SpecError(pointer, f"no {type} {id!r} was uploaded; send it first: PUT /v1/{type}s/{id}")
    if file.state == "rejected":
        why = file.problem.detail if file.problem else "it was rejected"
        raise SpecError(pointer, f"{type} {id!r} was rejected: {why}")
