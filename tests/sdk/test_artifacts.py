"""Files that a kind leaves at its looks: named by the events, fetched, replaced by newer ones, gone with the job."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import httpx2
import pytest

from burnish import AsyncBurnish, Burnish, NotFound, cli_app
from burnish.wire import Refinement
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.conductor import Conductor
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.records import JobRecord
from burnish_workers.testing import KIND, ChaosFleet, CorrelatedSpec
from tests.service.harness import blocks_of, in_memory, serving

SPEC = blocks_of(16, leaves=True)
"""Looks after 2, 4, 8 and 16 blocks."""


def named(refinement: Refinement) -> list[str]:
    return [artifact.name for artifact in refinement.artifacts or ()]


def test_files_of_the_newest_look(client: Burnish) -> None:
    job = client.submit(SPEC)
    seen = list(job.refinements())
    last = seen[-1]
    assert named(last) == ["mean-16.json", "mean-16.png"]
    assert last.artifacts is not None
    for artifact, kind in zip(last.artifacts, ("application/json", "image/png"), strict=True):
        data = client.artifact(job.id, artifact.name)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (artifact.bytes, artifact.sha256)
        assert artifact.media_type == kind
    estimate = last.estimate.value[0]
    for name in ("mean", "mean.json", "mean-16.json"):
        assert json.loads(job.artifact(name))["mean"] == estimate
    assert job.artifact("mean.png").startswith(b"\x89PNG")
    with pytest.raises(LookupError, match=r"no file 'samples'; its files: mean-16.json, mean-16.png"):
        job.artifact("samples")


def test_older_ones_go_but_pictures_stay(client: Burnish) -> None:
    job = client.submit(SPEC).wait()
    with pytest.raises(NotFound, match="`artifacts` of its refinements name those"):
        client.artifact(job.id, "mean-8.json")
    pictures = [client.artifact(job.id, f"mean-{blocks}.png") for blocks in (2, 4, 8, 16)]
    assert len(set(pictures)) == 4
    job.extend(units=3 * 16 * 16).wait()
    assert job.last is not None
    assert named(job.last) == ["mean-64.json", "mean-64.png"]
    with pytest.raises(NotFound):
        client.artifact(job.id, "mean-16.json")
    assert client.artifact(job.id, "mean-8.png") == pictures[2]


def test_all_go_with_the_job(client: Burnish) -> None:
    job = client.submit(SPEC).wait()
    client.delete(job.id)
    with pytest.raises(NotFound):
        client.artifact(job.id, "mean-16.png")


def test_kinds_that_leave_none_say_nothing(client: Burnish) -> None:
    job = client.submit(blocks_of(4)).wait()
    assert job.last is not None
    assert job.last.artifacts is None
    with pytest.raises(LookupError, match="it has left none yet"):
        job.artifact("mean")


def test_they_are_sent_as_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(in_memory()) as service, Burnish(service.url) as client:
        job = client.submit(SPEC).wait()
        reply = httpx2.get(f"{service.url}/v1/jobs/{job.id}/artifacts/mean-16.png")
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
        download = ["--url", service.url, "download", job.id]
        assert cli_app.run([*download, "--out", str(tmp_path)]) == 0
        assert capsys.readouterr().out.split() == [str(tmp_path / f"mean-16.{end}") for end in ("json", "png")]
        assert (tmp_path / "mean-16.json").read_bytes() == job.artifact("mean.json")
        assert cli_app.run([*download, "mean.png", "--out", str(tmp_path / "picture.png")]) == 0
        assert (tmp_path / "picture.png").read_bytes() == reply.content
        capsys.readouterr()
        assert cli_app.run([*download, "--out", str(tmp_path / "both")]) == 2
        assert "name a folder" in capsys.readouterr().err
        assert cli_app.run([*download, "meen"]) == 2
        assert "its files: mean-16.json, mean-16.png" in " ".join(capsys.readouterr().err.split())
        assert cli_app.run(["--url", service.url, "download", client.submit(blocks_of(4)).wait().id]) == 2
        assert "left no files" in capsys.readouterr().err


async def test_the_async_client_fetches_them_too() -> None:
    async with AsyncBurnish.local(workers=1) as client:
        job = await (await client.submit(SPEC)).wait()
        assert (await job.artifact("mean.png")).startswith(b"\x89PNG")


class Watched(MemoryArtifacts):
    """Notes which files of users there are whenever one of them is written or removed."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.store, self.said = store, list[tuple[str, str, list[str]]]()

    async def write(self, name: str, data: bytes) -> None:
        await super().write(name, data)
        await self._note("write", name)

    async def remove(self, prefix: str) -> None:
        await self._note("remove", prefix)
        await super().remove(prefix)

    async def _note(self, what: str, name: str) -> None:
        record = await self.store.get("job_1")
        last = record.last_refinement if record else None
        self.said.append((what, name.rpartition("/")[2], named(last) if last else []))


def test_a_file_is_written_before_the_event_that_names_it_and_removed_after_the_next() -> None:
    async def conduct() -> list[tuple[str, str, list[str]]]:
        store = MemoryStore()
        spec = CorrelatedSpec.model_validate(blocks_of(4, leaves=True, numeric_class="any"))
        dumped = spec.model_dump(mode="json")
        await store.create(JobRecord("job_1", "correlated", dumped, spec.budget, SystemClock().now(), resolved=dumped))
        (record,) = await store.claim(30.0, 1, frozenset())
        artifacts: Watched = Watched(store)
        ports = Ports(ChaosFleet(2), store, artifacts, SystemClock(), MemoryLibrary())
        await Conductor(record, KIND, ports, lambda: 2).run()
        return [entry for entry in artifacts.said if entry[1].startswith("mean")]

    said = asyncio.run(conduct())
    assert said == [
        ("write", "mean-2.json", []),
        ("write", "mean-2.png", []),
        ("write", "mean-4.json", ["mean-2.json", "mean-2.png"]),
        ("write", "mean-4.png", ["mean-2.json", "mean-2.png"]),
        ("remove", "mean-2.json", ["mean-4.json", "mean-4.png"]),
    ]
