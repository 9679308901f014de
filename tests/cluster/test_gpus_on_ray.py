"""Workers with shares of logical GPUs and without, in one real Ray cluster of two nodes, and jobs pinned to either.

Ray's GPUs here are logical: it places by them, and nothing computes on them. The two numeric classes are real: the node
that has the "GPUs" lets torch use AVX2 alone, and its sums come out in other bits than those of the first node. What is
simulated is that the difference comes from a processor's instructions instead of a GPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from burnish.wire import Job, Verification
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.ray_fleet import NAMESPACE, RayFleet
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.testing import lawful_digests
from tests.faults.nodes import ENVIRONMENT, RAY, Node
from tests.faults.service import free_port
from tests.laws.bench import House, unlawful

pytestmark = [
    pytest.mark.law,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(
        torch.backends.cpu.get_cpu_capability() == "AVX2", reason="this machine's own numeric class is that of AVX2"
    ),
]

HEAD, OTHER = "127.0.0.2", "127.0.0.3"
SPEC: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"name": "viscous-burgers", "dim": 20},
    "surrogate": {"name": "viscous-burgers-pinn-d20"},
    "points": [{"x": 0.1}, {"x": 0.2}],
    "method": "linearised",
    "budget": {"units": 60_000},
    "seed": 7,
}
SMALL = {"kind": "correlated", "budget": {"units": 256}, "seed": 1}


@dataclass
class Two:
    """A head without GPUs, and a node with two that comes and goes."""

    folder: Path
    gcs: int
    head: Node
    other: Node | None = None

    def join(self) -> None:
        """The node with the GPUs. Ray misses its own patience on a busy machine."""
        for _ in range(4):
            words = [f"--address={HEAD}:{self.gcs}", f"--node-ip-address={OTHER}", "--num-cpus=4", "--num-gpus=2"]
            self.other = _node(self.folder, words, {"ATEN_CPU_CAPABILITY": "avx2"})
            if self.other.up():
                return
            self.other.kill()
        raise RuntimeError(_log(self.folder))

    def leave(self) -> None:
        if self.other is not None:
            self.other.kill()
            self.other = None


def _node(folder: Path, words: list[str], environment: dict[str, str]) -> Node:
    command = [str(RAY), "start", "--block", *words, "--object-store-memory=150000000", "--disable-usage-stats"]
    command += [f"--dashboard-agent-listen-port={free_port()}", f"--dashboard-agent-grpc-port={free_port()}"]
    return Node(command, folder / "nodes.log", {**os.environ, **ENVIRONMENT, **environment})


def _log(folder: Path) -> str:
    return (folder / "nodes.log").read_text(errors="replace")[-2000:]


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="bg-"))  # sockets have names of 108 bytes at most
    for _ in range(4):
        gcs = free_port()
        words = ["--head", f"--port={gcs}", f"--node-ip-address={HEAD}", f"--temp-dir={folder / 'r'}", "--num-cpus=2"]
        words += ["--num-gpus=0", "--include-dashboard=false", f"--ray-client-server-port={free_port()}"]
        head = _node(folder, words, {})
        if head.up():
            break
        head.kill()
    else:
        raise RuntimeError(_log(folder))
    found = Two(folder, gcs, head)
    try:
        ray.init(f"{HEAD}:{gcs}", namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
        yield found
    finally:
        ray.shutdown()
        found.leave()
        head.kill()
        shutil.rmtree(folder, ignore_errors=True)


async def waiting(house: House, job: str, words: str, patience: float = 120.0) -> str:
    """What a job says that waits for resources, once it says these words."""
    async with asyncio.timeout(patience):
        while True:
            found = await house.app.get(job)
            if found.status == "waiting_for_resources" and words in str(found.stage):
                return str(found.stage)
            assert not found.done, (found.status, found.stage, found.error)
            await asyncio.sleep(0.2)


async def about(size: int) -> list[dict[str, Any]]:
    handles: list[Any] = [ray.get_actor(f"burnish-worker-{i}", NAMESPACE) for i in range(size)]
    return [await handle.about.remote() for handle in handles]


async def classes(house: House, job: str) -> set[str]:
    return {row.numeric_class for row in (await house.app.ledger(job, -1, 1000)).data}


def pinned(resolved: Any, name: str) -> dict[str, Any]:
    """The same blocks, for another class."""
    spec = resolved.model_dump(mode="json")
    return {**spec, "resolution": {**spec["resolution"], "numeric_class": name}}


async def killed_until_lost(house: House, job: str, workers: list[dict[str, Any]]) -> None:
    """SIGKILL workers, one after the other, until a block of the job had to be sent again, or it ended."""
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker["pid"], signal.SIGKILL)
        await asyncio.sleep(0.5)
        if (await house.app.get(job)).done:
            return


async def test_gpus_are_shared_out_waited_for_and_never_mixed_with_processors(two: Two) -> None:
    """One story, since a cluster is dear: jobs wait for GPUs in words, GPUs come, both classes run beside each other,
    workers die, the GPUs go and come back."""
    fleet = RayFleet(6, gpus=0.5, on_gpus=4, kinds=("surrogate", "correlated"))
    house = House(fleet)
    async with house.runner():
        # 1. Processors are there: they serve. A job for GPUs waits and says for what.
        first = await house.ended(await house.post(SPEC), 200)
        here = numeric_class(resolve_device("cpu"))
        assert await classes(house, first.id) == {here}
        gone = await house.post(pinned(first.resolved, here.replace(torch.backends.cpu.get_cpu_capability(), "AVX2")))
        said = await waiting(house, gone, "no node of the cluster has 0.5 GPU for a worker")
        assert "the job is pinned to" in said

        # 2. A node with two GPUs joins: four workers on them, 0, 0, 1, 1; the job goes on.
        two.join()
        ended = await house.ended(gone, 200)
        assert ended.status == "completed"
        told = await about(6)
        assert sorted(worker["gpus"] for worker in told[:4]) == [["0"], ["0"], ["1"], ["1"]]
        assert [worker["gpus"] for worker in told[4:]] == [[], []]
        there = told[0]["numeric_class"]
        assert ({w["numeric_class"] for w in told[:4]}, {w["numeric_class"] for w in told[4:]}) == ({there}, {here})
        assert await fleet.numeric_class() == there, "new jobs go to the GPUs"
        assert ended.spent.gpu_seconds == pytest.approx(0.5 * ended.spent.worker_seconds)
        assert first.spent.gpu_seconds == 0

        # 3. Both classes at once, while workers of both die: nobody's block runs on the other's workers.
        jobs = [await house.post(pinned(first.resolved, name)) for name in (here, there)]
        await asyncio.sleep(1)
        await killed_until_lost(house, jobs[0], [told[4], told[0], told[5], told[1]])
        on_cpu, on_gpu = [await house.ended(job, 250) for job in jobs]
        assert (await classes(house, on_cpu.id), await classes(house, on_gpu.id)) == ({here}, {there})
        assert (digest(on_cpu), digest(on_gpu)) == (digest(first), digest(ended))
        assert digest(on_cpu) != digest(on_gpu), "the classes differ in their bits"
        law = lawful_digests(pinned(first.resolved, here), on_cpu.last_refinement.blocks)
        assert await unlawful(house, on_cpu.id, law) == []

        # 4. Blocks run again in the class in which they first ran.
        for job in (on_cpu, on_gpu):
            checked = (await Inquiries(house.app, house.clock).verify(job.id, b"{}", 120)).outcome
            assert isinstance(checked, Verification)
            assert (checked.reproduced, checked.comparison) == (True, "digest")

        # 5. The GPUs go in the middle of a job: it says so, processors work on, and it goes on when they are back.
        stays = await house.post({**pinned(first.resolved, there), "budget": {"units": 240_000}})
        await house.refined(stays, 2)
        two.leave()
        said = await waiting(house, stays, "no node of the cluster has 0.5 GPU for a worker", 200)
        assert there in said
        beside = await house.ended(await house.post(pinned(first.resolved, here)), 200)
        assert (digest(beside), await classes(house, beside.id)) == (digest(first), {here})
        other = await house.ended(await house.post(SMALL), 200)
        assert await classes(house, other.id) == {here}, "new jobs go where there are workers"
        two.join()
        back = await house.ended(stays, 250)
        assert back.status == "completed"
        assert await classes(house, back.id) == {there}
    await fleet.close()


def digest(job: Job) -> str:
    assert job.last_refinement is not None
    return job.last_refinement.digest
