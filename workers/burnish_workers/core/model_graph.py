"""The graph of a `.pt2` file: its JSON, checked and turned into plain values. No torch; nothing is ever evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

from burnish.wire.operators import OPERATORS, SIZES
from burnish_workers.core.model_json import (
    a_list,
    a_name,
    a_text,
    an_integer,
    an_object,
    bad,
    parse_json,
    shown,
    single,
)
from burnish_workers.core.model_rejected import ModelRejected
from burnish_workers.core.registry import near

SCHEMA = 8
MOST_NODES = 5_000
MOST_WEIGHTS = 5_000
MOST_DIM = 1_000

DTYPES = {5: "int64", 4: "int32", 7: "float32", 8: "float64", 12: "bool"}
"""Numbers that the format gives to types."""


@dataclass(frozen=True)
class Ref:
    """The value of that name: an input, a weight, or what an earlier node gave."""

    name: str


@dataclass(frozen=True)
class Dtype:
    """A type of numbers as an argument."""

    name: str


Argument = None | bool | int | float | str | Ref | Dtype | tuple[Any, ...]


@dataclass(frozen=True)
class Node:
    """`outputs`: a name for each value, or a tuple of names where the operator gives a list."""

    operator: str
    arguments: tuple[tuple[str, Argument], ...]
    outputs: tuple[str | tuple[str, ...], ...]


@dataclass(frozen=True)
class Graph:
    """u(t, x) as a list of nodes in order. `weights`: graph input -> (`parameter` or `constant`, its name).

    `width`: k of u (B, k), None where it gives u (B,); only with k = d, as of a network that denoises, it may also take
    class labels (B,), by the name `label`.
    """

    dim: int
    dtype: str
    t: str
    x: str
    weights: Mapping[str, tuple[str, str]]
    nodes: tuple[Node, ...]
    output: str
    label: str | None = None
    width: int | None = None

    @property
    def samples(self) -> bool:
        """Whether its values are like x."""
        return self.width == self.dim


def read_graph(text: bytes) -> Graph:
    """Raises ModelRejected."""
    program = an_object(parse_json(text, "models/model.json"))
    version = an_object(program.get("schema_version")).get("major")
    if version != SCHEMA:
        raise ModelRejected("wrong_version", f"graph schema {shown(version)}; {SCHEMA} is read: export with torch 2.13")
    module = an_object(program.get("graph_module"))
    graph, signature = an_object(module.get("graph")), an_object(module.get("signature"))
    specs = a_list(signature.get("input_specs"))
    if len(specs) > MOST_WEIGHTS:
        raise ModelRejected("too_large", f"the graph has {len(specs)} inputs; at most {MOST_WEIGHTS} are accepted")
    weights, users = _inputs(specs)
    values = an_object(graph.get("tensor_values"))
    dim, dtype = _user_inputs(users, values)
    known = {*weights, *users}
    if known != {a_name(an_object(item).get("as_tensor")) for item in a_list(graph.get("inputs"))}:
        raise bad("the inputs of the graph are not those of its signature")
    raw = a_list(graph.get("nodes"))
    if len(raw) > MOST_NODES:
        raise ModelRejected("too_large", f"the graph has {len(raw)} nodes; at most {MOST_NODES} are accepted")
    nodes = tuple(_node(an_object(item), known) for item in raw)
    output = _output(signature, graph, known)
    width = _width(values.get(output))
    if len(users) == 3 and width != dim:
        raise ModelRejected("bad_signature", "the model takes labels; only one that gives samples (B, d) may")
    return Graph(dim, dtype, users[0], users[1], weights, nodes, output, dict(enumerate(users)).get(2), width)


def _inputs(specs: list[Any]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Weights by the name they have in the graph, and the names of what the user gives."""
    weights: dict[str, tuple[str, str]] = {}
    users: list[str] = []
    for item in specs:
        ((kind, body),) = single(item)
        body = an_object(body)
        if kind == "user_input":
            ((form, argument),) = single(body.get("arg"))
            if form != "as_tensor":
                raise ModelRejected("bad_signature", f"an input is {form}; only the tensors t and x are given")
            users.append(a_name(argument))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            name = a_text(body.get(f"{kind}_name"))
            stated = kind != "tensor_constant" and body.get("persistent") is not False
            weights[a_name(body.get("arg"))] = ("parameter" if stated else "constant", name)
        else:
            raise ModelRejected("bad_signature", f"inputs of kind {kind!r:.40} are not accepted")
    if len(users) not in (2, 3) or len({*users, *weights}) != len(specs):
        raise ModelRejected("bad_signature", f"the model takes {len(users)} inputs; it must be a function of t and x")
    return weights, users


def _user_inputs(users: list[str], values: dict[str, Any]) -> tuple[int, str]:
    """d and the type, from t (B,) and x (B, d); labels are integers (B,)."""
    t, x, *labels = (an_object(values.get(name)) for name in users)
    sizes = [_sizes(v) for v in (t, x, *labels)]
    free = [[_free(size) for size in row] for row in sizes]
    if free != [[True], [True, False], *[[True] for _ in labels]]:
        shown = "t must have sizes (B,) and x (B, d), with B left free (a dynamic dimension) and d fixed"
        raise ModelRejected("bad_signature", f"{shown}; export with burnish.export(module, dim=d)")
    dim = sizes[1][1].get("as_int")
    types = {DTYPES.get(an_integer(v.get("dtype"))) for v in (t, x)}
    dtype = next(iter(types))
    if len(types) != 1 or dtype not in ("float32", "float64"):
        raise ModelRejected("bad_signature", "t and x must both be float32 or both float64")
    if any(DTYPES.get(an_integer(label.get("dtype"))) != "int64" for label in labels):
        raise ModelRejected("bad_signature", "labels must be int64")
    if not 1 <= an_integer(dim) <= MOST_DIM:
        raise ModelRejected("bad_signature", f"x has {dim} coordinates; 1 to {MOST_DIM} are accepted")
    return an_integer(dim), dtype


def _width(output: Any) -> int | None:
    """k where the file says of its output that it has sizes (B, k); what it has is seen when it is tried."""
    sizes = _sizes(an_object(output)) if output is not None else []
    if [_free(size) for size in sizes] != [True, False]:
        return None
    width = an_integer(sizes[1].get("as_int"))
    if not 1 <= width <= MOST_DIM:
        raise ModelRejected("bad_signature", f"the model gives {width} numbers for each sample; 1 to {MOST_DIM} may be")
    return width


def _sizes(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [an_object(size) for size in a_list(value.get("sizes"))]


def _free(size: dict[str, Any]) -> bool:
    return "as_expr" in size


def _node(item: dict[str, Any], known: set[str]) -> Node:
    target = a_text(item.get("target"))
    if target not in OPERATORS:
        raise ModelRejected("unknown_operator", _unknown(target))
    arguments: list[tuple[str, Argument]] = []
    for given in a_list(item.get("inputs")):
        given = an_object(given)
        arguments.append((a_text(given.get("name")), _argument(given.get("arg"), known)))
    if len(dict(arguments)) < len(arguments) and target not in SIZES:
        raise bad(f"a node of {target} is given an argument twice")
    outputs = tuple(_output_names(out, known) for out in a_list(item.get("outputs")))
    return Node(target, tuple(arguments), outputs)


def _unknown(target: str) -> str:
    short = target.removeprefix("torch.ops.aten.")[:100]
    return f"operator: {near(short, [name.removeprefix('torch.ops.aten.') for name in OPERATORS])[:400]}"


def _output_names(given: Any, known: set[str]) -> str | tuple[str, ...]:
    ((kind, value),) = single(given)
    if kind == "as_tensors":
        return tuple(_fresh(a_name(item), known) for item in a_list(value))
    if kind == "as_tensor":
        return _fresh(a_name(value), known)
    if kind == "as_sym_int":
        return _fresh(a_text(an_object(value).get("as_name")), known)
    raise bad(f"a node gives {kind!r:.40}; tensors and sizes are accepted")


def _fresh(name: str, known: set[str]) -> str:
    if name in known:
        raise bad(f"{name!r:.60} is given twice")
    known.add(name)
    return name


def _argument(given: Any, known: set[str]) -> Argument:
    ((kind, value),) = single(given)
    if kind not in _FORMS:
        raise bad(f"an argument is {kind!r:.40}, which is not accepted")
    return _FORMS[kind](value, known)


def _ref(value: Any, known: set[str], name: str | None = None) -> Ref:
    name = a_name(value) if name is None else name
    if name not in known:
        raise bad(f"{name!r:.60} is used before it is given")
    return Ref(name)


def _size(value: Any, known: set[str]) -> Argument:
    ((kind, size),) = single(value)
    if kind == "as_int":
        return an_integer(size)
    if kind == "as_name":
        return _ref(None, known, a_text(size))
    raise bad(f"a size is {kind!r:.40}")


def _dtype(value: Any, known: set[str]) -> Argument:
    if type(value) is not int or value not in DTYPES:
        raise bad(f"type number {shown(value)} is not accepted; known: {sorted(DTYPES.values())}")
    return Dtype(DTYPES[value])


def _real(value: Any, known: set[str]) -> float:
    if isinstance(value, str) and value in ("Infinity", "-Infinity"):
        return float(value.replace("Infinity", "inf"))
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or _overflows(value):
        raise bad(f"{shown(value)} is no number")
    return float(value)


def _overflows(value: int | float) -> bool:
    return isinstance(value, int) and abs(value) > 2**1000


def _flag(value: Any, known: set[str]) -> bool:
    if not isinstance(value, bool):
        raise bad(f"{shown(value)} is neither true nor false")
    return value


def _words(value: Any, known: set[str]) -> str:
    if not isinstance(value, str) or not (value in ("none", "tanh", "floor", "trunc") or _is_einsum(value)):
        raise bad(f"text {shown(value)} is not accepted as an argument")
    return value


def _is_einsum(text: str) -> bool:
    return len(text) <= 64 and set(text) <= set(ascii_letters + ",->. ")


def _many(form: Callable[[Any, set[str]], Argument]) -> Callable[[Any, set[str]], Argument]:
    def read(value: Any, known: set[str]) -> Argument:
        items = a_list(value)
        if len(items) > 1_000:
            raise bad(f"an argument has {len(items)} parts")
        return tuple(form(item, known) for item in items)

    return read


def _nothing(value: Any, known: set[str]) -> Argument:
    return None


_FORMS: dict[str, Callable[[Any, set[str]], Argument]] = {
    "as_tensor": _ref,
    "as_tensors": _many(_ref),
    "as_none": _nothing,
    "as_int": lambda value, known: an_integer(value),
    "as_ints": _many(lambda value, known: an_integer(value)),
    "as_float": _real,
    "as_floats": _many(_real),
    "as_bool": _flag,
    "as_bools": _many(_flag),
    "as_string": _words,
    "as_sym_int": _size,
    "as_sym_ints": _many(_size),
    "as_scalar_type": _dtype,
    # Where and how values lie in memory is not for the file to say.
    "as_device": _nothing,
    "as_layout": _nothing,
    "as_memory_format": _nothing,
}


def _output(signature: dict[str, Any], graph: dict[str, Any], known: set[str]) -> str:
    specs = a_list(signature.get("output_specs"))
    if len(specs) != 1:
        raise ModelRejected("bad_signature", f"the model gives {len(specs)} values; it must give u (B,) alone")
    ((kind, body),) = single(specs[0])
    if kind != "user_output":
        raise ModelRejected("bad_signature", f"the model also changes its state ({kind!r:.40})")
    ((form, value),) = single(an_object(body).get("arg"))
    if form != "as_tensor":
        raise ModelRejected("bad_signature", f"the model gives {form!r:.40} in place of a tensor")
    return _ref(value, known).name
