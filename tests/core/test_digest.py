"""Equal answers have equal bytes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core.digest import canonical, digest, digest_arrays

finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

steady = settings(deadline=None, derandomize=True)

# RFC 8785, appendix B, and the edges of ECMAScript's plain notation.
NUMBERS = {
    -0.0: "0",
    5e-324: "5e-324",
    -5e-324: "-5e-324",
    1.7976931348623157e308: "1.7976931348623157e+308",
    9007199254740992.0: "9007199254740992",
    295147905179352830000.0: "295147905179352830000",
    9.999999999999997e22: "9.999999999999997e+22",
    1e23: "1e+23",
    999999999999999700000.0: "999999999999999700000",
    1e21: "1e+21",
    333333333.3333332: "333333333.3333332",
    0.000001: "0.000001",
    9.999999999999997e-7: "9.999999999999997e-7",
    -0.0000033333333333333333: "-0.0000033333333333333333",
    4.5: "4.5",
    2e-3: "0.002",
}


@pytest.mark.parametrize(("value", "text"), NUMBERS.items())
def test_numbers_are_written_as_ecmascript_does(value: float, text: str) -> None:
    assert canonical(value).decode() == text


@steady
@given(finite)
def test_numbers_read_back_to_the_bit(value: float) -> None:
    assert float(canonical(value)) == value


@steady
@given(plain)
def test_canonical_json_is_json_and_a_fixed_point(value: object) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text


def test_layout() -> None:
    value = {"b": [1, 1.0, True, None, "\u20ac\n"], "a": {"y": (), "x": {}}}
    assert canonical(value).decode() == '{"a":{"x":{},"y":[]},"b":[1,1,true,null,"\u20ac\\n"]}'
    # UTF-16 puts U+1F600 (a surrogate pair) before U+FB33, code points do not.
    assert canonical({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'


def test_numpy_is_plain_data() -> None:
    value = {"x": np.array([[1.5, -0.0]]), "n": np.int64(3), "ok": np.bool_(True)}
    assert canonical(value) == b'{"n":3,"ok":true,"x":[[1.5,0]]}'
    assert digest(value) == digest({"n": 3.0, "ok": True, "x": [[1.5, 0]]})
    assert digest(value).startswith("sha256:")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_is_refused_with_its_place(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\$\.estimate\[1\] is .*put None"):
        canonical({"estimate": [1.0, bad]})


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"\$\.x is a set"):
        canonical({"x": {1}})
    with pytest.raises(TypeError, match="keys must be strings"):
        canonical({1: 2})
    with pytest.raises(TypeError, match="complex128"):
        digest_arrays({"z": np.zeros(2, complex)})


def test_arrays_are_known_by_name_type_shape_and_bits() -> None:
    base = {"a": np.arange(6.0), "b": np.arange(3)}
    one = digest_arrays(base)
    assert one == digest_arrays({"b": np.arange(3), "a": np.arange(6.0)})
    assert one == digest_arrays({"a": np.arange(6.0).astype(">f8"), "b": np.arange(9)[::3] // 3})
    others = [
        {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3)},
        {"a": np.arange(6.0, dtype=np.float32), "b": np.arange(3)},
        {"a": np.arange(6), "b": np.arange(3)},
        {"a": np.arange(6.0), "c": np.arange(3)},
        {"a": np.nextafter(np.arange(6.0), 9), "b": np.arange(3)},
        {"a": np.arange(6.0)},
    ]
    assert len({one, *map(digest_arrays, others)}) == 1 + len(others)


def test_every_nan_is_the_same_nan() -> None:
    assert digest_arrays({"a": np.array([np.nan])}) == digest_arrays({"a": -np.array([np.nan])})
    assert digest_arrays({"a": np.array([0.0])}) != digest_arrays({"a": np.array([-0.0])})
