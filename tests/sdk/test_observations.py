"""Observations through the clients and the command line, over both transports."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnish import AsyncBurnish, Burnish, Conflict, NotFound, Rejected, cli_app
from burnish_workers.engine.fleet import numeric_class_here
from burnish_workers.testing_feed import resolved_tracking, seen
from tests.service.harness import in_memory, serving

ONES = seen(6)
NUMBERS = [y for (y,) in ONES]


def spec(*observations: Any, **more: Any) -> dict[str, Any]:
    return resolved_tracking(observations, resolution={"numeric_class": numeric_class_here("cpu")}, **more)


@pytest.fixture(scope="module", params=["local", "port"])
def client(request: pytest.FixtureRequest) -> Iterator[Burnish]:
    if request.param == "local":
        with Burnish.local(workers=2) as client:
            yield client
        return
    with serving(in_memory()) as service, Burnish(service.url) as client:
        yield client


@pytest.fixture(params=["local", "port"])
async def async_client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncBurnish]:
    if request.param == "local":
        async with AsyncBurnish.local(workers=2) as client:
            yield client
        return
    with serving(in_memory()) as service:
        async with AsyncBurnish(service.url) as client:
            yield client


def test_one_by_one_while_watching(client: Burnish) -> None:
    job = client.submit(spec(*ONES[:2]))
    answered: list[int | None] = []
    following: list[Any] = [np.array(ONES[2]), NUMBERS[3], None, ONES[5]]
    for event in job.events():
        if event.type == "refinement":
            answered.append(event.data["observation"])
        elif event.data.get("status") == "waiting_for_observations":
            assert job.status == "waiting_for_observations"
            taken = job.observe(following.pop(0), last=not following)
            assert not taken.replayed
            assert job.snapshot.observations == taken.observations
    assert answered == [0, 1, 2, 3, 4, 5]
    assert (job.status, job.stopped_by) == ("completed", "observations")
    assert job.observations() == [*ONES[:4], None, ONES[5]]
    assert list(client.observations(job.id, limit=2)) == job.observations(), "page by page"
    replayed = client.submit(spec(*job.observations(), expected=6)).wait()
    assert job.last is not None
    assert replayed.last is not None
    assert replayed.last.digest == job.last.digest


def test_many_at_once_and_again(client: Burnish) -> None:
    job = client.submit(spec())
    taken = job.observe_all(np.array(ONES[:3]))
    assert (taken.observations.count, taken.replayed) == (3, False)
    assert job.observe_all(ONES[1:3], start=1).replayed
    assert job.observe(float("nan")).observations.count == 4
    with pytest.raises(Conflict, match=r"observation 1 of .* is \[-?[\d.]+\], and \[9.0\] was sent"):
        job.observe(9.0, index=1)
    with pytest.raises(Conflict, match="index 4, got 6"):
        job.observe(1.0, index=6)
    with pytest.raises(Rejected, match="observation 4 has 2 numbers"):
        job.observe([1.0, 2.0])
    assert job.observe_all([], last=True).observations.closed
    assert job.wait(60).stopped_by == "observations"
    assert job.observations() == [*ONES[:3], None]
    with pytest.raises(Conflict, match="is completed"):
        job.observe(1.0)
    with pytest.raises(NotFound):
        client.observe("job_none", [1.0])


async def test_the_same_async(async_client: AsyncBurnish) -> None:
    job = await async_client.submit(spec(ONES[0]))
    assert (await job.observe(NUMBERS[1])).observations.count == 2
    assert (await job.observe(NUMBERS[1], index=1)).replayed
    taken = await job.observe_all(ONES[2:4], last=True)
    assert taken.observations.closed
    await job.wait()
    assert job.stopped_by == "observations"
    assert await job.observations() == ONES[:4]
    assert [one async for one in await async_client.observations(job.id, limit=1)] == ONES[:4]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    with serving(in_memory()) as service, Burnish(service.url) as client:

        def run(*words: str) -> tuple[int, str, str]:
            capsys.readouterr()
            code = cli_app.run(["--url", service.url, "observe", *words])
            told = capsys.readouterr()
            said = [line for line in told.out.splitlines() if line.startswith(("{", "job_"))]
            return code, "\n".join(said), told.err

        run.client = client  # pyright: ignore[reportFunctionMemberAccess]
        yield run


def test_the_command(cli: Any, tmp_path: Path) -> None:
    job = cli.client.submit(spec(ONES[0]))
    assert cli(job.id, "-1.25")[:2] == (0, f"{job.id}: observation 1 taken, 2 in all")
    assert cli(job.id, "-1.25", "--index", "1")[:2] == (0, f"{job.id}: observation 1 known already, 2 in all")
    code, out, _ = cli(job.id, "--missing", "--json")
    assert (code, json.loads(out)["observations"]["count"]) == (0, 3)
    lines = tmp_path / "lines.csv"
    lines.write_text("0.5\n\n-0.25\nnull\n")
    assert cli(job.id, "--file", str(lines))[:2] == (0, f"{job.id}: observations 3 to 6 taken, 7 in all")
    listed = tmp_path / "list.json"
    listed.write_text("[[1.5], null, 2.5]")
    assert cli(job.id, "--file", str(listed))[0] == 0
    assert cli(job.id, "--last")[:2] == (0, f"{job.id}: closed, 10 in all, none will come any more")
    assert job.wait().stopped_by == "observations"
    assert job.observations() == [ONES[0], [-1.25], None, [0.5], None, [-0.25], None, [1.5], None, [2.5]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give the numbers of an observation, or --file"),
        (["1.0", "--missing"], "give the numbers of an observation, or --file"),
        (["abc"], "'abc' is no number"),
        (["1.0", "--bogus"], "No such option: --bogus"),
        (["--file", "nowhere.csv"], "nowhere.csv: no such file"),
        (["1.0", "2.0"], "observation 1 has 2 numbers; y has 1"),
        (["9.0", "--index", "0"], "was sent; what was accepted stays"),
    ],
)
def test_the_command_with_mistakes(cli: Any, words: list[str], told: str) -> None:
    job = cli.client.submit(spec(ONES[0]))
    code, _, err = cli(job.id, *words)
    assert (code, told in " ".join(err.split())) == (2, True), err
