"""Answers of more outputs than an event should carry: the first are listed, all are in a file."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from burnish import AsyncBurnish, Burnish, NotFound, cli_app
from burnish import safetensors as own
from tests.service.harness import in_memory, serving

POINTS = 900
SPEC = {
    "kind": "surrogate",
    "problem": {"dim": 1, "horizon": 0.3, "diffusion": "1", "terminal": "sin(x[0])"},
    "surrogate": {"expression": "0.9*sin(x[0])*exp(-(0.3 - t)/2)"},
    "budget": {"units": 900 * 8 * 120},
    "seed": 5,
}


@pytest.fixture(scope="module")
def spec() -> dict[str, object]:
    return {**SPEC, "points": [{"x": x} for x in np.linspace(-1, 1, POINTS).tolist()]}


def test_an_answer_of_many_points(client: Burnish, spec: dict[str, object], tmp_path: Path) -> None:
    job = client.submit(spec)
    seen = list(job.refinements())
    last = seen[-1]
    assert last.arrays is not None
    assert (last.arrays.outputs, last.arrays.listed, len(last.estimate.value)) == (POINTS, 100, 100)
    assert all(len(r.model_dump_json()) < 64_000 for r in seen)
    arrays = job.arrays()
    assert arrays["value"][:100] == last.estimate.value
    assert last.interval is not None
    assert arrays["upper"][:100] == last.interval.upper
    # The heat equation damps a sine: exp(-0.3/2) sin x.
    truth = [math.exp(-0.15) * math.sin(x) for x in np.linspace(-1, 1, POINTS)]
    pairs = zip(arrays["lower"], truth, arrays["upper"], strict=True)
    held = [low <= u <= high for low, u, high in pairs if low is not None and high is not None]
    assert held.count(False) <= 1, "one of twenty such jobs may miss one"
    assert len(held) == POINTS - last.arrays.without_interval > 0.9 * POINTS
    halves = [(high - low) / 2 for low, high in zip(arrays["lower"], arrays["upper"], strict=True) if low and high]
    assert max(halves) == pytest.approx(last.arrays.widest_half_width, rel=1e-9)
    data = client.artifact(job.id, str(last.arrays.name))
    assert (len(data), hashlib.sha256(data).hexdigest()) == (last.arrays.bytes, last.arrays.sha256)
    np.testing.assert_array_equal(safetensors.numpy.load(data)["value"], np.array(arrays["value"]))
    assert f"{POINTS} outputs" in repr(job)
    with pytest.raises(NotFound, match="has no artifact"):
        client.artifact(job.id, "checkpoint-1-1.npz")
    with pytest.raises(NotFound):
        client.artifact(job.id, "../secret")


def test_the_command_line_fetches_it(
    spec: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(in_memory(max_body=2**20)) as service, Burnish(service.url) as client:
        job = client.submit(spec).wait()
        file = tmp_path / "all.safetensors"
        assert cli_app.run(["--url", service.url, "download", job.id, "--out", str(file)]) == 0
        assert len(safetensors.numpy.load_file(file)["value"]) == POINTS
        assert cli_app.run(["--url", service.url, "show", job.id]) == 0
        assert f"and {POINTS - 5} more: burnish download {job.id}" in capsys.readouterr().out
        few = client.submit({**spec, "points": [{"x": 0.0}]}).wait()
        assert cli_app.run(["--url", service.url, "download", few.id]) == 2
        assert few.arrays()["value"] == few.estimate.value


async def test_the_async_client_too(spec: dict[str, object]) -> None:
    async with AsyncBurnish.local(workers=2) as client:
        job = await (await client.submit(spec)).wait()
        assert len((await job.arrays())["standard_error"]) == POINTS


def test_reading_without_numpy() -> None:
    arrays = {"a": np.array([1.5, np.nan, -2.0]), "b": np.zeros(0)}
    assert own.read(safetensors.numpy.save(arrays)) == {"a": [1.5, None, -2.0], "b": []}
    with pytest.raises(ValueError, match="float64 is read"):
        own.read(safetensors.numpy.save({"a": np.zeros(2, dtype=np.float32)}))
    with pytest.raises(ValueError, match="no safetensors"):
        own.read(b"123")
    whole = safetensors.numpy.save(arrays)
    with pytest.raises(ValueError, match="float64 is read"):
        own.read(whole[:-8])
