"""Array files: what is read, and that nothing else is."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from burnish_workers.core.array_file import ArrayFileError, describe, read_arrays


def npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4", "<i8", "|u1", "|b1"])
def test_npy(dtype: str, order: Any) -> None:
    array = np.array(np.arange(12).reshape(3, 4), dtype=dtype, order=order)
    found = read_arrays(npy(array))
    assert found.keys() == {"array"}
    assert found["array"].dtype == array.dtype
    assert (found["array"] == array).all()


def test_safetensors() -> None:
    arrays = {"t": np.zeros(3), "x": np.arange(6, dtype=np.float32).reshape(3, 2)}
    found = read_arrays(save(arrays))
    assert describe(found) == {
        "arrays": {"t": {"shape": [3], "dtype": "float64"}, "x": {"shape": [3, 2], "dtype": "float32"}}
    }
    assert (found["x"] == arrays["x"]).all()


def header(text: str, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    filled = text.ljust(117) + "\n"
    return b"\x93NUMPY" + version + len(filled).to_bytes(2, "little") + filled.encode() + body


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "neither"),
    "text": (b"1,2,3", "neither"),
    "pickle": (pickle.dumps([1]), "neither"),
    "objects": (npy(np.array([{}], dtype=object), allow_pickle=True), "not accepted"),
    "text array": (npy(np.array(["a"])), "not accepted"),
    "complex": (npy(np.array([1j])), "not accepted"),
    "big-endian": (npy(np.array([1.0], dtype=">f8")), "not accepted"),
    "records": (npy(np.zeros(2, dtype=[("a", "<f8")])), "not accepted"),
    "nan": (npy(np.array([1.0, np.nan])), "NaN"),
    "infinity": (save({"x": np.array([np.inf])}), "x: it holds NaN"),
    "nothing": (npy(np.zeros((0, 3))), "none empty"),
    "a number": (npy(np.array(1.0)), "axes"),
    "many axes": (npy(np.zeros((1, 1, 1, 1, 1))), "axes"),
    "truncated": (npy(np.zeros(100))[:-8], "needs 800 bytes"),
    "too long": (npy(np.zeros(100)) + b"12345678", "needs 800 bytes"),
    "a shape of petabytes": (header("{'descr': '<f8', 'fortran_order': False, 'shape': (10**15,)}"), "header"),
    "another shape of petabytes": (
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,)}"),
        "needs 8000000000000000 bytes",
    ),
    "negative": (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", b"12345678"), "shape"),
    "code": (header("__import__('os').system('true')"), "header"),
    "deep": (header("(" * 100), "header"),
    "a version to come": (header("{}", version=b"\x09\x00"), "version"),
    "no array": (save({}), "no array"),
    "lying safetensors": (b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "neither"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_refused(name: str) -> None:
    data, why = BAD[name]
    with pytest.raises(ArrayFileError, match=why):
        read_arrays(data)


def test_cut_anywhere() -> None:
    for whole in (npy(np.arange(6.0).reshape(2, 3)), save({"x": np.arange(6.0)})):
        for end in range(len(whole)):
            with pytest.raises(ArrayFileError):
                read_arrays(whole[:end])
