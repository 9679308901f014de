"""The page on the Python SDK, from its docstrings and signatures. Read by griffe; nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import griffe

SOURCE = Path(__file__).parents[2] / "clients" / "python" / "src"
FIRST = ("Burnish", "Job", "Page", "Refinement", "Reasoned", "Budget", "Retries", "export", "ExportedModel")
TWINS = {"AsyncBurnish": "Burnish", "AsyncJob": "Job", "AsyncPage": "Page"}
"""The same with `await`, which a test of the SDK holds: told once."""
SPECS = {"SurrogateSpec", "PosteriorSpec", "ReasoningSpec"}


def page() -> str:
    """What `import burnish` offers: clients, jobs, what they return, errors."""
    package = griffe.load("burnish", search_paths=[str(SOURCE)], allow_inspection=False)
    exports = [str(name).strip("'\"") for name in package.exports or () if str(name).strip("'\"") != "__version__"]
    rest = sorted(set(exports) - set(FIRST) - set(TWINS) - SPECS)
    lines = [_INTRO]
    for name in FIRST:
        lines += _member(name, _found(package, name))
    lines += ["", "## Errors", "", "| error | raised when |", "|---|---|"]
    for name in rest:
        error = _found(package, name)
        bases = [str(base).rsplit(".", 1)[-1] for base in getattr(error, "bases", ())]
        lines.append(f"| `{name}` ({', '.join(bases)}) | {' '.join(_text(error).split())} |")
    return "\n".join(lines).rstrip() + "\n"


def _found(package: griffe.Object, name: str) -> griffe.Object:
    """Where a name of `__all__` is defined: exports are lazy, so that griffe sees only their imports for types."""
    member = package.members[name]
    if isinstance(member, griffe.Alias):
        member = member.final_target
    assert isinstance(member, griffe.Object)
    return member


def _member(name: str, found: griffe.Object) -> Iterator[str]:
    yield from ("", f"## {name}", "")
    if isinstance(found, griffe.Function):
        yield from (*_signature(found), "", _text(found))
        return
    yield from (_text(found), "")
    assert isinstance(found, griffe.Class)
    made = found.members.get("__init__")
    if isinstance(made, griffe.Function):
        yield from (*_signature(made, name), "")
    yield from _attributes(found)
    for each, method in found.members.items():
        if isinstance(method, griffe.Function) and not each.startswith("_"):
            yield from ("", f"### {name}.{each}", "", *_signature(method), "", _text(method))


def _attributes(found: griffe.Class) -> Iterator[str]:
    """Fields with what they mean: docstrings, `Known(..., "text")`, `Field(description="text")`."""
    fields = [a for n, a in found.members.items() if isinstance(a, griffe.Attribute) and not n.startswith("_")]
    fields = [a for a in fields if "class-attribute" in a.labels or a.value is None]  # not those that methods set
    fields = [a for a in fields if a.name != "model_config"]
    for field in fields:
        kind = f": `{field.annotation}`" if field.annotation is not None else ""
        yield f"- `{field.name}`{kind}{_meaning(field)}"


def _meaning(field: griffe.Attribute) -> str:
    if field.docstring:
        return f". {' '.join(field.docstring.value.split())}"
    if isinstance(field.value, griffe.ExprCall):
        for argument in field.value.arguments:
            text = argument.value if isinstance(argument, griffe.ExprKeyword) else argument
            is_text = isinstance(text, str) and text[:1] in "'\""
            if is_text and (not isinstance(argument, griffe.ExprKeyword) or argument.name == "description"):
                return f". {text[1:-1]}"
    return ""


def _signature(function: griffe.Function, name: str = "") -> list[str]:
    """As it is called; decorators and defaults as in the source."""
    given = [p for p in function.parameters if p.name not in ("self", "cls")]
    parts: list[str] = []
    for parameter in given:
        if parameter.kind is griffe.ParameterKind.keyword_only and not any(p.startswith("*") for p in parts):
            parts.append("*")
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(
            parameter.kind, ""
        )
        kind = f": {parameter.annotation}" if parameter.annotation is not None else ""
        default = f" = {parameter.default}" if parameter.default is not None and not star else ""
        parts.append(f"{star}{parameter.name}{kind}{default}")
    returns = f" -> {function.returns}" if function.returns is not None and not name else ""
    flat = f"{name or function.name}({', '.join(parts)}){returns}"
    long = f"{name or function.name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"
    return ["```text", flat if len(flat) <= 100 else long, "```"]


def _text(found: griffe.Object) -> str:
    return found.docstring.value.strip() if found.docstring else ""


_INTRO = """# Python SDK

`pip install burnish` (httpx2 and pydantic, nothing else). `AsyncBurnish`, `AsyncJob` and `AsyncPage` are `Burnish`,
`Job` and `Page` with `await` and `async for`. `SurrogateSpec`, `PosteriorSpec` and `ReasoningSpec` are those of
the [contract](types.md#surrogatespec). Methods that talk to the service raise the [errors](#errors) below."""
