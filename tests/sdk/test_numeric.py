"""Answers and histories as numpy arrays, and files as arrays; what is missing is said with what to install."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from safetensors.numpy import save

from burnish import wire
from burnish.course import course
from burnish.wire.numeric import Numbers, safetensors

LAYOUT = [wire.OutputPart.together("mean", 0, (2, 2)), wire.OutputPart.together("log_evidence", 4, ())]


def made(make, sequence: int, values: tuple[float | None, ...], **changes) -> wire.Refinement:
    return wire.Refinement.model_validate(make.refinement(sequence, values, **changes))


def test_parts_have_their_shape_and_unknown_is_nan(make) -> None:
    refinement = made(make, 2, (0.0, 1.0, None, 3.0, -2.5), half=0.5, layout=[part.model_dump() for part in LAYOUT])
    mean, evidence = refinement.to_numpy("mean"), refinement.to_numpy("log_evidence")
    np.testing.assert_array_equal(mean.value, [[0.0, 1.0], [np.nan, 3.0]])
    np.testing.assert_array_equal(mean.lower, [[-0.5, 0.5], [np.nan, 2.5]])
    np.testing.assert_array_equal(mean.half_width, [[0.5, 0.5], [np.nan, 0.5]])
    assert mean.standard_error.dtype == np.float64
    assert evidence.value.shape == ()
    assert refinement.to_numpy().upper.shape == (5,)


def test_without_an_interval_limits_are_nan(make) -> None:
    numbers = made(make, 2, (0.5,)).to_numpy()
    assert np.isnan(numbers.lower).all()
    assert np.isnan(numbers.half_width).all()
    assert numbers.value.tolist() == [0.5]


def test_a_course_has_a_row_for_each_refinement(make) -> None:
    history = [made(make, 2, (1.0, None)), made(make, 3, (1.5, 4.0), half=0.25, blocks=8)]
    seen = course(history)
    assert (seen.sequence.tolist(), seen.blocks.tolist(), seen.units.tolist()) == ([2, 3], [2, 8], [512, 2048])
    assert seen.seconds.tolist() == pytest.approx([0.2, 0.8])
    np.testing.assert_array_equal(seen.value, [[1.0, np.nan], [1.5, 4.0]])
    np.testing.assert_array_equal(seen.half_width, [[np.nan, np.nan], [0.25, 0.25]])
    assert course([]).value.shape == (0, 0)


def test_files_are_read_with_their_shapes_and_types() -> None:
    arrays = {
        "x": np.arange(12, dtype=np.float32).reshape(3, 2, 2),
        "island": np.array([0, 0, 7]),
        "w": np.array([0.5, -np.inf, np.nan]),
    }
    found = safetensors(save(arrays))
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_a_file_that_is_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="it is cut off"):
        safetensors(save({"x": np.zeros(9)})[:-1])
    with pytest.raises(ValueError, match="no safetensors"):
        safetensors(b"abc")


def test_what_is_missing_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"to_numpy needs numpy: pip install 'burnish\[numpy\]'"):
        Numbers.of({})
