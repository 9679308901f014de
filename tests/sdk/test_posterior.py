"""Kind `posterior` through the SDK: what may be said in short, arrays of any library, and answers by name."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import numpy as np
import pytest
import torch

from burnish import AsyncBurnish, Burnish, packing, specify
from burnish.wire import Array, StoredFile
from burnish_workers.core.array_file import read_arrays

from ..service.harness import in_memory, serving

MEANS = np.array([[-2.0, 0.0], [2.0, 0.0]])
ASKED: dict[str, Any] = {
    "prior": {"mixture": {"means": MEANS}},
    "observation": {
        "operator": {"type": "matrix", "matrix": np.array([[0.6, 0.8]])},
        "y": np.array([1.0]),
        "sigma": 0.3,
    },
    "chain": {"steps": 20},
    "particles": 32,
    "budget": {"units": 20_000},
    "seed": 7,
}


def at_once(steps: packing.Uploading) -> dict[str, Any]:
    """A spec that uploads nothing."""
    with pytest.raises(StopIteration) as done:
        next(steps)
    return done.value.value


def stored(type: str) -> StoredFile:
    return StoredFile.model_validate({"id": "sha256:1", "type": type, "state": "ready", "bytes": 1, "created_at": ""})


def test_what_is_said_in_short() -> None:
    spec = at_once(
        specify.posterior(
            "digits",
            observation={"y": (1, 2), "sigma": np.float64(0.5)},
            guidance="kalman",
            potential="naive",
            resampling="multinomial",
            reward="sum(x)",
            condition={"classifier": stored("model"), "label": 3},
            particles=None,
        )
    )
    assert spec == {
        "kind": "posterior",
        "prior": {"name": "digits"},
        "observation": {"operator": {"type": "identity"}, "y": [1, 2], "sigma": 0.5},
        "guidance": {"type": "kalman"},
        "potential": {"type": "naive"},
        "resampling": {"scheme": "multinomial"},
        "reward": {"expression": "sum(x)"},
        "condition": {"classifier": "sha256:1", "label": 3},
    }


@pytest.mark.parametrize("reward", ["sha256:1", stored("model"), {"model": stored("model")}])
def test_a_network_by_its_id_or_as_it_was_uploaded(reward: Any) -> None:
    assert at_once(specify.posterior("digits", reward=reward))["reward"] == {"model": "sha256:1"}


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([[1, 0], [0, 1]]), "float64"),
        (np.array([[True, False], [False, True]]), "float64"),
        (np.eye(2, dtype=np.float32), "float32"),
        (np.asfortranarray(np.eye(2)), "float64"),
        (torch.eye(2), "float32"),
    ],
)
def test_arrays_of_any_library_are_packed(array: Any, dtype: str) -> None:
    spec = at_once(
        specify.posterior("digits", observation={"operator": {"type": "inpaint", "mask": array}, "y": [0.0]})
    )
    mask = Array.model_validate(spec["observation"]["operator"]["mask"])
    assert (mask.shape, mask.dtype, mask.flat()) == ([2, 2], dtype, (1.0, 0.0, 0.0, 1.0))


def test_a_state_to_follow() -> None:
    seen = [np.array([1.0, 2.0]), None, [0.5, 0.5]]
    spec = at_once(specify.posterior(None, dynamics="lorenz63", filter="guided", observations=seen))
    assert spec == {
        "kind": "posterior",
        "dynamics": {"name": "lorenz63"},
        "filter": {"method": "guided"},
        "observations": [[1.0, 2.0], None, [0.5, 0.5]],
    }


def test_rows_that_are_arrays_stay_rows() -> None:
    assert (
        at_once(specify.posterior({"mixture": {"means": list(MEANS)}}))["prior"]["mixture"]["means"] == MEANS.tolist()
    )


def test_an_answer_by_name(client: Burnish) -> None:
    job = client.posterior(**ASKED).wait()
    mean = job.part("mean")
    assert mean.shape == (2,)
    assert all(low < value < high for low, value, high in zip(mean.lower, mean.value, mean.upper, strict=True))
    assert isinstance(job.part("log_evidence").value, float)


def test_large_arrays_are_uploaded_first(client: Burnish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGEST", 16)
    job = client.posterior(**ASKED)
    means = job.snapshot.spec.model_dump()["prior"]["mixture"]["means"]
    assert set(means) == {"array"}
    assert client.array(means["array"]).card["arrays"]["array"]["shape"] == [2, 2]
    assert job.snapshot.spec.model_dump()["observation"]["y"]["shape"] == [1], "8 bytes travel within the spec"
    monkeypatch.undo()
    resolved = job.wait().snapshot.resolved
    assert resolved is not None
    # As resolved, for its pilot sizes blocks by the clock: another pilot, other blocks.
    spelled = resolved.model_dump()
    spelled["prior"]["mixture"]["means"] = MEANS.tolist()
    assert client.submit(spelled).wait().estimate == job.wait().estimate


def test_what_is_uploaded_is_the_array() -> None:
    steps = packing.packed({"y": np.arange(2.0**18)})
    array: Any = next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send("sha256:2")
    assert done.value.value == {"y": {"array": "sha256:2"}}
    from burnish.files import content

    np.testing.assert_array_equal(read_arrays(content(array))["array"], np.arange(2.0**18))


async def test_the_same_with_await(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGEST", 16)
    with serving(in_memory()) as service:
        async with AsyncBurnish(service.url) as client:
            job = await (await client.posterior(**ASKED)).wait()
            assert (await job.part("mean")).shape == (2,)


def test_the_example_of_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    text = inspect.getdoc(Burnish.posterior) or ""
    code = textwrap.dedent("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    with Burnish.local(workers=1) as client:
        exec(compile(code, "docstring", "exec"), {"client": client})
    assert capsys.readouterr().out.startswith("[")


DIGITS: dict[str, Any] = {
    "prior": "digits",
    "observation": {"operator": {"type": "inpaint", "mask": np.arange(64) < 32}, "y": -np.ones(32), "sigma": 0.5},
    "chain": {"steps": 3},
    "particles": 8,
    "outputs": ["quantiles", "mean", "std", "log_evidence", "samples"],
    "quantiles": [0.1, 0.9],
    "budget": {"units": 300},
    "seed": 3,
}


def test_pictures_and_samples_are_files() -> None:
    with Burnish.local(workers=1) as client:
        job = client.posterior(**DIGITS).wait()
        shapes = {part.name: part.shape for part in job.last.layout or ()} if job.last else {}
        quantiles = np.array(job.part("quantiles").value)
        samples = read_arrays(job.artifact("samples"))
        picture = job.artifact("posterior.png")
    assert shapes == {"quantiles": [2, 1, 8, 8], "mean": [1, 8, 8], "std": [1, 8, 8], "log_evidence": []}
    assert quantiles.shape == (2, 1, 8, 8)
    assert samples["x"].shape == (len(samples["log_weight"]), 1, 8, 8)
    weight = np.exp(samples["log_weight"] - samples["log_weight"].max())
    mean = np.einsum("n,nchw->chw", weight / weight.sum(), samples["x"])
    assert np.abs(mean).max() < 1.5
    assert picture.startswith(b"\x89PNG")
