"""Verdicts on uploaded models: settled once they are there, and tried again where nobody could judge."""

from __future__ import annotations

import pytest

from burnish.wire.files import StoredFile
from burnish_workers.engine.checker import LEASE, Checker
from burnish_workers.engine.fleet import Fleet, NoSuchClass, WorkerDied
from burnish_workers.engine.library import artifact_of
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.probing import Verdict, probe

MODEL = StoredFile(
    id=f"sha256:{7:064x}",
    type="model",
    state="checking",
    bytes=4,
    created_at="2026-01-01T00:00:00.000Z",
    card={"dim": 3},
)


class Judge:
    """A fleet that has these answers, one after the other."""

    def __init__(self, *answers: Verdict | Exception):
        self.answers = list(answers)

    async def probe(self, data: bytes) -> Verdict:
        assert data == b"file"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    def __init__(self, *answers: Verdict | Exception):
        self.now = 0.0
        self.library, self.artifacts = MemoryLibrary(lambda: self.now), MemoryArtifacts()
        fleet: Fleet = Judge(*answers)  # pyright: ignore[reportAssignmentType]
        self.checker = Checker(self.library, self.artifacts, fleet)

    async def upload(self) -> None:
        await self.artifacts.write(artifact_of("model", MODEL.id), b"file")
        await self.library.add(MODEL)

    async def found(self) -> StoredFile:
        file = await self.library.get("model", MODEL.id)
        assert file is not None
        return file


async def test_a_good_verdict_adds_to_the_card() -> None:
    bench = Bench(Verdict(True, card={"curved": True}))
    assert not await bench.checker.round()
    await bench.upload()
    assert await bench.checker.round()
    found = await bench.found()
    assert (found.state, found.card) == ("ready", {"dim": 3, "curved": True})
    assert not await bench.checker.round()


async def test_a_bad_verdict_is_a_problem() -> None:
    bench = Bench(Verdict(False, "rows_interact", "why"))
    await bench.upload()
    await bench.checker.round()
    found = await bench.found()
    assert found.state == "rejected"
    assert found.problem is not None
    assert (found.problem.type, found.problem.detail) == ("/problems/model-rejected/rows-interact", "why")


TROUBLE = {
    "no memory for a process": OSError(12, "Cannot allocate memory"),
    "no worker": NoSuchClass("none"),
    "the worker went away": WorkerDied("gone"),
}


@pytest.mark.parametrize("name", sorted(TROUBLE))
async def test_what_is_not_the_models_fault_is_tried_again(name: str) -> None:
    bench = Bench(TROUBLE[name], Verdict(True))
    await bench.upload()
    assert await bench.checker.round()
    assert (await bench.found()).state == "checking"
    assert not await bench.checker.round()
    bench.now += LEASE + 1
    assert await bench.checker.round()
    assert (await bench.found()).state == "ready"


async def test_a_file_that_is_gone_is_forgotten() -> None:
    bench = Bench()
    await bench.library.add(MODEL)
    assert await bench.checker.round()
    assert await bench.library.get("model", MODEL.id) is None


def test_a_process_that_cannot_start_is_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(OSError, match="nowhere"):
        probe(b"")
