"""For those who have an ONNX file: its operators, mapped onto PyTorch's, exported with burnish.export, corrected.

    python examples/from_onnx.py [FILE.onnx DIM INPUTS]

Needs `pip install onnx`. The map below covers networks and kernel sums; one that is missing is named, and takes
one line. Without a file, one is written first: the network of from_pytorch.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from correcting import DIM, finish
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import burnish


def gemm(a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1, beta: float = 1, **turned: int) -> Tensor:
    """alpha a b + beta c, with a and b transposed where `transA`, `transB` say so."""
    product = alpha * ((a.T if turned.get("transA") else a) @ (b.T if turned.get("transB") else b))
    return product if c is None else product + beta * c


def _axes(axes: Any) -> list[int]:
    return [int(axis) for axis in (axes.tolist() if isinstance(axes, Tensor) else axes)]


def reduced(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A reduction: its axes are an input or an attribute."""
    return lambda x, axes=None, keepdims=1: function(x, dim=_axes(axes), keepdim=bool(keepdims))


def unsqueezed(x: Tensor, axes: Any) -> Tensor:
    """New axes of length 1."""
    for axis in sorted(_axes(axes)):
        x = x.unsqueeze(axis)
    return x


OPERATORS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(torch, name.lower())
        for name in ["Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Sigmoid", "Sin", "Sqrt", "Tanh"]
    },
    **{name: getattr(nn.functional, name.lower()) for name in ["Relu", "Selu", "Softplus", "Softsign"]},
    "Add": torch.add,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Div": torch.div,
    "Elu": lambda x, alpha=1.0: nn.functional.elu(x, alpha),
    "Gelu": lambda x, approximate=b"none": nn.functional.gelu(x, approximate=approximate.decode()),
    "Gemm": gemm,
    "Identity": lambda x: x,
    "LayerNormalization": lambda x, scale, bias=None, axis=-1, epsilon=1e-5: nn.functional.layer_norm(
        x, x.shape[axis:], scale, bias, epsilon
    ),
    "MatMul": torch.matmul,
    "Mul": torch.mul,
    "Pow": torch.pow,
    "ReduceMean": reduced(torch.mean),
    "ReduceSum": reduced(torch.sum),
    "Reshape": lambda x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(_axes(shape))]),
    "Squeeze": lambda x, axes: x.squeeze(_axes(axes)),
    "Sub": torch.sub,
    "Transpose": lambda x, perm: x.permute(perm),
    "Unsqueeze": unsqueezed,
}


class FromOnnx(nn.Module):
    """The graph of an ONNX model with one output, node by node; called with what the model's inputs are, in order."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.numbers = {i.name: torch.tensor(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
        self.nodes = []
        for node in model.graph.node:
            given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                self.numbers[node.output[0]] = torch.tensor(numpy_helper.to_array(given["value"]).copy())
            elif node.op_type not in OPERATORS:
                raise ValueError(f"operator {node.op_type!r} is not mapped; known: {', '.join(sorted(OPERATORS))}")
            else:
                self.nodes.append((OPERATORS[node.op_type], tuple(node.input), node.output[0], given))
        self.inputs = [i.name for i in model.graph.input if i.name not in self.numbers]
        self.output = model.graph.output[0].name

    def forward(self, *inputs: Tensor) -> Tensor:
        known = {**self.numbers, **dict(zip(self.inputs, inputs, strict=True))}
        for function, names, output, given in self.nodes:
            known[output] = function(*(known[name] if name else None for name in names), **given)
        return known[self.output]


def written(net: nn.Sequential) -> onnx.ModelProto:
    """A tanh network as other frameworks write it: one input of d + 1 columns."""
    nodes, numbers, last = [], [], "input"
    for i, layer in enumerate(net):
        if isinstance(layer, nn.Linear):
            for name, tensor in (("w", layer.weight), ("b", layer.bias)):
                numbers.append(numpy_helper.from_array(tensor.detach().numpy().astype(np.float32), f"{name}{i}"))
            nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"h{i}"], transB=1))
        else:
            nodes.append(helper.make_node("Tanh", [last], [f"h{i}"]))
        last = f"h{i}"
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", m]) for n, m in (("input", DIM + 1), (last, 1))]
    return helper.make_model(helper.make_graph(nodes, "u", ends[:1], ends[1:], numbers))


def main() -> None:
    """Of the file that is given, or of one made up."""
    if len(sys.argv) == 4:
        model, dim, inputs = onnx.load(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        print(burnish.export(FromOnnx(model), dim, inputs=inputs, path="model.pt2").card)
        return
    from from_pytorch import train

    finish(burnish.export(FromOnnx(written(train().layers)), DIM, inputs="xt"))


if __name__ == "__main__":
    main()
