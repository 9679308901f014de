"""The adapters of examples/ run from end to end, where what they adapt is installed: `pip install -e '.[adapters]'`."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS = {"from_deepxde.py": "deepxde", "from_jax.py": "jax", "from_onnx.py": "onnx", "from_pytorch.py": "torch"}

OPERATORS = """
import sys
import numpy as np, onnx, torch
sys.path.insert(0, {folder!r})
from from_onnx import FromOnnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
import burnish

rng = np.random.default_rng(0)
numbers = {{"w": (4, 5), "b": (5,), "scale": (5,), "bias": (5,), "centres": (6, 4), "weights": (6,)}}
initial = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n) for n, s in numbers.items()]
initial += [numpy_helper.from_array(np.array(v), n) for n, v in (("one", [1]), ("last", [-1]), ("flat", [0, 6]))]
initial += [numpy_helper.from_array(np.array(v, dtype=np.float32), n) for n, v in (("two", 2), ("minus", -0.5))]
node = helper.make_node
nodes = [
    node("Gemm", ["input", "w", "b"], ["h"], alpha=0.5, beta=2.0),
    node("LayerNormalization", ["h", "scale", "bias"], ["n"], axis=-1, epsilon=1e-3),
    node("Tanh", ["n"], ["a"]), node("Sin", ["h"], ["c"]), node("Concat", ["a", "c"], ["ac"], axis=1),
    node("ReduceMean", ["ac", "one"], ["m"], keepdims=1), node("Identity", ["m"], ["mi"]),
    node("Unsqueeze", ["input", "one"], ["x"]), node("Sub", ["x", "centres"], ["apart"]),
    node("Pow", ["apart", "two"], ["squares"]), node("ReduceSum", ["squares", "last"], ["q"], keepdims=0),
    node("Mul", ["q", "minus"], ["e"]), node("Exp", ["e"], ["k"]), node("Reshape", ["k", "flat"], ["kk"]),
    node("MatMul", ["kk", "weights"], ["s"]), node("Unsqueeze", ["s", "one"], ["su"]),
    node("Softplus", ["su"], ["sp"]), node("Sigmoid", ["su"], ["sg"]), node("Div", ["sp", "sg"], ["r"]),
    node("Add", ["r", "mi"], ["u2"]), node("Squeeze", ["u2", "one"], ["u"]),
]
ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("input", ["B", 4]), ("u", ["B"]))]
graph = helper.make_graph(nodes, "u", ends[:1], ends[1:], initial)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
onnx.checker.check_model(model)
inputs = rng.normal(size=(20, 4)).astype(np.float32)
module = FromOnnx(model)
wanted = ReferenceEvaluator(model).run(None, {{"input": inputs}})[0]
assert np.abs(module(torch.tensor(inputs)).numpy() - wanted).max() < 1e-5, "another function"
assert np.abs(wanted).max() > 0.1
assert burnish.export(module, 3, inputs="xt").card["dim"] == 3
graph.node.append(node("NonZero", ["u"], ["z"]))
try:
    FromOnnx(helper.make_model(graph))
    raise SystemExit("NonZero was taken")
except ValueError as error:
    assert "NonZero" in str(error) and "Tanh" in str(error)
"""


def needs(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[adapters]'")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DDE_BACKEND": "pytorch", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, env=environment, cwd=EXAMPLES
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(NEEDS))
def test_from_training_to_a_corrected_answer(script: str) -> None:
    needs(NEEDS[script])
    done = run(script)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = re.search(r"relative L2 error: model (\S+), corrected (\S+) after", done.stdout)
    assert found, done.stdout
    model, corrected = map(float, found.groups())
    assert corrected < model / 3
    assert corrected < 5e-3


@pytest.mark.slow
def test_onnx_operators_mean_what_the_standard_says() -> None:
    needs("onnx")
    done = run("-c", OPERATORS.format(folder=str(EXAMPLES)))
    assert done.returncode == 0, done.stderr[-2_000:]
