"""Files that were made to do harm: each is refused with a named reason, or is a model after all; nothing ever runs."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import torch

from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.core.model_rejected import REASONS
from burnish_workers.tensors.graph import load_model

from ..fuzz.mutations import mutate, mutated_bytes
from .model_files import exported, packed, unpacked, with_config, with_graph

GOOD = "tanh"
PICKLE = pickle.dumps(print)
Change = Callable[[dict[str, Any]], None]


def reason_of(data: bytes) -> str:
    with pytest.raises(ModelRejected) as refused:
        inspect_model(data)
    assert refused.value.reason in REASONS
    return refused.value.reason


def with_entries(extra: dict[str, bytes], drop: str | None = None) -> bytes:
    files = unpacked(exported(GOOD))
    return packed({name: content for name, content in files.items() if name != drop} | extra)


def set_in(path: str, value: Any) -> Change:
    """Put `value` at a slash-separated path of the JSON."""

    def change(body: dict[str, Any]) -> None:
        *way, last = path.split("/")
        at: Any = body
        for step in way:
            at = at[int(step) if isinstance(at, list) else step]
        at[int(last) if isinstance(at, list) else last] = value

    return change


def first_weight(**changes: Any) -> Change:
    def change(config: dict[str, Any]) -> None:
        weight = next(iter(config.values()))
        for name, value in changes.items():
            (weight if name in ("use_pickle", "path_name") else weight["tensor_meta"])[name] = value

    return change


def sizes(*numbers: Any) -> list[dict[str, Any]]:
    return [{"as_int": n} for n in numbers]


NODES = "graph_module/graph/nodes"
ENTRIES: dict[str, tuple[dict[str, bytes], str]] = {
    "pickled samples": ({"model/data/sample_inputs/model.pt": PICKLE}, "pickle"),
    "another pickle": ({"model/data/extra.pkl": PICKLE}, "pickle"),
    "code": ({"model/code/__init__.py": b"import os"}, "unexpected_entry"),
    "a library": ({"model/data/aotinductor/model.so": b"\x7fELF"}, "unexpected_entry"),
    "up and away": ({"model/../../etc/passwd": b"x"}, "unsafe_archive"),
    "absolute": ({"/etc/passwd": b"x"}, "unsafe_archive"),
    "a drive": ({"C:\\boot.ini": b"x"}, "unsafe_archive"),
    "big-endian": ({"model/byteorder": b"big"}, "wrong_version"),
    "no JSON": ({"model/models/model.json": b"\xff\xfe"}, "bad_graph"),
    "deep JSON": ({"model/models/model.json": b"[" * 100_000}, "bad_graph"),
    "a bomb": ({"model/data/weights/weight_0": b"\0" * (65 * 2**20)}, "zip_bomb"),
}
GRAPHS: dict[str, tuple[Change, str]] = {
    "version": (set_in("schema_version/major", 9), "wrong_version"),
    "operator": (set_in(f"{NODES}/1/target", "torch.ops.aten.rand.default"), "unknown_operator"),
    "dunder": (set_in(f"{NODES}/1/target", "torch.ops.aten.linear.__class__"), "unknown_operator"),
    "system": (set_in(f"{NODES}/1/target", "os.system"), "unknown_operator"),
    "higher order": (set_in(f"{NODES}/1/target", "torch.ops.higher_order.cond"), "unknown_operator"),
    "used before given": (set_in(f"{NODES}/0/inputs/0/arg", {"as_tensor": {"name": "linear_3"}}), "bad_graph"),
    "unknown name": (set_in(f"{NODES}/0/inputs/0/arg", {"as_tensor": {"name": "nobody"}}), "bad_graph"),
    "a subgraph": (set_in(f"{NODES}/0/inputs/0/arg", {"as_graph": {"name": "g"}}), "bad_graph"),
    "an object": (set_in(f"{NODES}/0/inputs/0/arg", {"as_custom_obj": {"name": "o"}}), "bad_graph"),
    "an expression": (set_in(f"{NODES}/0/inputs/1/arg", {"as_sym_int": {"as_expr": "exit()"}}), "bad_graph"),
    "a string": (set_in(f"{NODES}/0/inputs/1/arg", {"as_string": "__import__('os')"}), "bad_graph"),
    "not a number": (set_in(f"{NODES}/0/inputs/1/arg", {"as_float": float("nan")}), "bad_graph"),
    "huge": (set_in(f"{NODES}/0/inputs/1/arg", {"as_int": 10**30}), "bad_graph"),
    "huge for a float": (set_in(f"{NODES}/0/inputs/1/arg", {"as_float": 10**400}), "bad_graph"),
    "an argument twice": (set_in(f"{NODES}/3/inputs/1/name", "input"), "bad_graph"),
    "too many inputs": (set_in("graph_module/signature/input_specs", [{}] * 5_001), "too_large"),
    "given twice": (set_in(f"{NODES}/1/outputs/0", {"as_tensor": {"name": "t"}}), "bad_graph"),
    "no nodes": (set_in(NODES, {}), "bad_graph"),
    "too many nodes": (set_in(NODES, [{}] * 5_001), "too_large"),
    "no inputs": (set_in("graph_module/signature/input_specs", []), "bad_signature"),
    "two outputs": (set_in("graph_module/signature/output_specs", [{}, {}]), "bad_signature"),
    "a token": (set_in("graph_module/signature/input_specs/0", {"token": {"arg": {"name": "t"}}}), "bad_signature"),
    "fixed batch": (set_in("graph_module/graph/tensor_values/t/sizes", sizes(4)), "bad_signature"),
    "no coordinates": (set_in("graph_module/graph/tensor_values/x/sizes/1", {"as_int": 0}), "bad_signature"),
    "half precision": (set_in("graph_module/graph/tensor_values/x/dtype", 6), "bad_signature"),
}
CONFIGS: dict[str, tuple[Change, str]] = {
    "pickled": (first_weight(use_pickle=True), "pickle"),
    "elsewhere": (first_weight(path_name="../../models/model.json"), "bad_graph"),
    "no path": (first_weight(path_name=None), "bad_graph"),
    "a list of paths": (first_weight(path_name=["weight_0"]), "bad_graph"),
    "longer": (first_weight(sizes=sizes(50, 50)), "wrong_size"),
    "far away": (first_weight(storage_offset={"as_int": 2**39}), "wrong_size"),
    "far apart": (first_weight(strides=sizes(2**39, 1)), "wrong_size"),
    "negative stride": (first_weight(strides=sizes(-1, 1)), "bad_graph"),
    "negative size": (first_weight(sizes=sizes(-1, 5)), "bad_graph"),
    "negative offset": (first_weight(storage_offset={"as_int": -4}), "bad_graph"),
    "enormous view": (first_weight(sizes=sizes(2**20, 2**15), strides=sizes(0, 0)), "too_large"),
    "ranks": (first_weight(strides=sizes(1)), "wrong_size"),
    "type": (first_weight(dtype=99), "bad_graph"),
    "list type": (first_weight(dtype=[7]), "bad_graph"),
    "symbolic": (first_weight(sizes=[{"as_expr": "exit()"}]), "bad_graph"),
}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_entries(name: str) -> None:
    extra, reason = ENTRIES[name]
    assert reason_of(with_entries(extra)) == reason


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_graphs(name: str) -> None:
    change, reason = GRAPHS[name]
    assert reason_of(with_graph(exported(GOOD), change)) == reason


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_weights(name: str) -> None:
    change, reason = CONFIGS[name]
    assert reason_of(with_config(exported(GOOD), change)) == reason


def test_not_finite_weights() -> None:
    weights = unpacked(exported(GOOD))["model/data/weights/weight_0"]
    poisoned = struct.pack("<f", float("nan")) + weights[4:]
    assert reason_of(with_entries({"model/data/weights/weight_0": poisoned})) == "not_finite"
    assert reason_of(with_entries({"model/data/weights/weight_0": weights[:-4]})) == "wrong_size"
    assert reason_of(with_entries({}, drop="model/data/weights/weight_0")) == "bad_graph"


def test_archives() -> None:
    data = exported(GOOD)
    assert reason_of(b"#!/bin/sh\n" + data) == "not_a_model"
    assert reason_of(b"PK" + data) == "unsafe_archive"
    assert reason_of(b"") == reason_of(PICKLE) == "not_a_model"
    assert reason_of(packed({"model/x.txt": b""})) == "not_a_model"
    many = {f"model/{i}": b"" for i in range(2_001)}
    assert reason_of(packed(many)) == "zip_bomb"
    lying = data.replace(struct.pack("<I", 0), struct.pack("<I", 2**31), 40)
    assert reason_of(lying) in ("zip_bomb", "corrupt", "unsafe_archive")
    locked = bytearray(data)
    for at in (6, data.index(b"PK\x01\x02") + 8):
        locked[at] |= 1
    assert reason_of(bytes(locked)) in ("unsafe_archive", "corrupt")


def test_the_same_name_twice_and_links() -> None:
    twice, link = io.BytesIO(exported(GOOD)), io.BytesIO(exported(GOOD))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("model/models/model.json", b"{}")
    assert reason_of(twice.getvalue()) == "unsafe_archive"
    with zipfile.ZipFile(link, "a") as archive:
        info = zipfile.ZipInfo("model/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert reason_of(link.getvalue()) == "unsafe_archive"


def safetensors(header: dict[str, Any] | bytes, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


TENSORS = {
    "layer0.weight": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
    "layer0.bias": {"dtype": "F32", "shape": [3], "data_offsets": [24, 36]},
    "layer1.weight": {"dtype": "F32", "shape": [1, 3], "data_offsets": [36, 48]},
    "layer1.bias": {"dtype": "F32", "shape": [1], "data_offsets": [48, 52]},
}
CARD = {
    "format_version": 1,
    "dim": 1,
    "layers": [2, 3, 1],
    "activation": "tanh",
    "dtype": "float32",
    "input_order": "x then t",
    "tensors": list(TENSORS),
}


def carded(card: Any = None, body: int = 52, **tensors: Any) -> bytes:
    meta = {"burnish.card": json.dumps(card or CARD)}
    return safetensors({"__metadata__": meta, **TENSORS, **tensors}, b"\0" * body)


def test_cards() -> None:
    assert inspect_model(carded()).dim == 1
    assert load_model(carded(), torch.device("cpu")).dim == 1
    assert reason_of(safetensors(TENSORS, b"\0" * 52)) == "not_a_model"
    assert reason_of(carded(body=48)) == reason_of(carded(body=56)) == "wrong_size"
    assert reason_of(carded({**CARD, "activation": "exec"})) == "bad_card"
    assert reason_of(carded({**CARD, "layers": [2, 10**9, 1]})) == "bad_card"
    assert reason_of(carded({**CARD, "layers": "2,3,1"})) == "bad_card"
    assert reason_of(carded({**CARD, "input_order": {"t": "x"}})) == "bad_card"
    assert reason_of(carded({**CARD, "tensors": sorted(TENSORS)})) == "bad_card"
    assert reason_of(carded({**CARD, "dim": 0, "layers": [1, 3, 1]})) == "bad_card"
    assert reason_of(carded({**CARD, "dim": 2_000, "layers": [2_001, 1, 1]})) == "bad_card"
    assert reason_of(carded()[:-4] + struct.pack("<f", float("nan"))) == "not_finite"
    assert reason_of(safetensors({"__metadata__": {"burnish.card": "\ud800"}})) == "bad_card"
    assert reason_of(carded({**CARD, "dim": 7})) == "bad_card"
    moved = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    assert reason_of(carded(**{"layer1.bias": moved})) == "wrong_size"
    assert reason_of(carded(**{"layer1.bias": {**moved, "data_offsets": [48, -52]}})) == "wrong_size"
    assert reason_of(carded(**{"layer1.bias": {**moved, "dtype": "PICKLE"}})) == "bad_card"
    assert reason_of(carded(other=moved)) == "bad_card"
    assert reason_of(safetensors(b"{" * 1000)) == "bad_card"


# --- fuzzing ----------------------------------------------------------------------------------------------------------

MISFITS = (RuntimeError, TypeError, IndexError, ValueError, NotImplementedError, KeyError, OverflowError)
"""What operators say that do not fit together; the probe turns it into a refusal."""


def mutated(files: dict[str, bytes], data: bytes, rng: random.Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return mutated_bytes(data, rng)
    if kind == 3:
        return mutated_card(rng)
    name = "model/models/model.json" if kind == 1 else "model/data/weights/model_weights_config.json"
    body = json.loads(files[name])
    for _ in range(rng.choice([1, 1, 3])):
        at = ["graph_module"] if kind == 1 and rng.random() < 0.9 else []
        if at:
            body = {**body, "graph_module": mutate(body["graph_module"], rng)} if isinstance(body, dict) else body
        else:
            body = mutate(body, rng)
        if not isinstance(body, dict) or "graph_module" not in body:
            break
    return packed({**files, name: json.dumps(body).encode()})


def mutated_card(rng: random.Random) -> bytes:
    """Safetensors with something else in the header, in the card or in the bytes."""
    match rng.randrange(3):
        case 0:
            return mutated_bytes(carded(), rng)
        case 1:
            return carded(mutate(CARD, rng))
        case _:
            header = mutate({"__metadata__": {"burnish.card": json.dumps(CARD)}, **TENSORS}, rng)
            return safetensors(json.dumps(header).encode(), b"\0" * 52)


def fuzz(times: int, seed: int) -> tuple[int, set[str]]:
    """How many mutants still are models, and the reasons given for the others."""
    data, rng = exported("mixed"), random.Random(seed)
    files = unpacked(data)
    alive, longest, reasons = 0, 0, set[str]()
    for number in range(times):
        mutant = mutated(files, data, rng)
        began = time.perf_counter()
        try:
            field = load_model(mutant, torch.device("cpu"))
        except ModelRejected as refused:
            reasons.add(refused.reason)
            longest = max(longest, len(str(refused)))
        else:
            alive += 1
            with contextlib.suppress(*MISFITS):
                field.value(torch.rand(3), torch.rand(3, field.dim))
        assert time.perf_counter() - began < 10, number
    assert reasons <= set(REASONS)
    assert longest < 1_000
    return alive, reasons


def test_fuzzed_files() -> None:
    alive, reasons = fuzz(1_500, 1)
    assert 0 < alive < 1_500
    assert len(reasons) >= 6


@pytest.mark.slow
def test_ten_thousand_fuzzed_files() -> None:
    alive, reasons = fuzz(10_000, 2)
    assert 0 < alive < 10_000
    assert len(reasons) >= 7


# --- nothing runs -----------------------------------------------------------------------------------------------------

AUDITED = """
import pickle, sys
import torch
from burnish_workers.core.model_file import ModelRejected
from burnish_workers.tensors.graph import load_model

files = pickle.load(sys.stdin.buffer)  # written by the test
field = load_model(files.pop(), torch.device("cpu"))
field.value(torch.rand(2), torch.rand(2, 4))  # whatever torch imports when it first runs is imported
seen, watching = [], True
FORBIDDEN = ("exec", "compile", "import", "os.", "subprocess.", "pickle.", "open", "socket.", "ctypes.", "shutil.")

def audit(event, arguments):
    if watching and event.startswith(FORBIDDEN):
        seen.append((event, str(arguments)[:200]))

sys.addaudithook(audit)
for data in files:
    try:
        load_model(data, torch.device("cpu")).value(torch.rand(2), torch.rand(2, 4))
    except Exception:
        pass
watching = False
assert not seen, seen[:5]
print("nothing ran")
"""


def test_nothing_of_a_file_runs() -> None:
    hostile = [with_entries(extra) for name, (extra, _) in sorted(ENTRIES.items()) if name != "a bomb"]
    hostile += [with_graph(exported(GOOD), change) for _, (change, _) in sorted(GRAPHS.items())]
    hostile += [with_config(exported(GOOD), change) for _, (change, _) in sorted(CONFIGS.items())]
    rng, data = random.Random(3), exported("mixed")
    hostile += [mutated(unpacked(data), data, rng) for _ in range(200)]
    sent = pickle.dumps([*hostile, exported("mixed")])
    done = subprocess.run([sys.executable, "-c", AUDITED], input=sent, capture_output=True, timeout=120)
    assert done.stdout.decode().strip() == "nothing ran", done.stderr.decode()[-2000:]
