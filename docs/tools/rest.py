"""The pages on the REST API, from docs/openapi.json: one of the calls, one of the types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

OPENAPI = Path(__file__).parents[1] / "openapi.json"
Json = Mapping[str, Any]
LIMITS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters or fewer",
    "minItems": "{} or more",
    "maxItems": "{} or fewer",
    "pattern": "matches `{}`",
}


def calls() -> str:
    """Every route: what it does, its parameters, its body, its answers."""
    document = json.loads(OPENAPI.read_text("utf-8"))
    lines = [
        "# REST",
        "",
        f"Version {document['info']['version']} of the contract, from [openapi.json](../openapi.json); a running "
        "service has it at `/openapi.json`, and a page to try it at `/docs`. Bodies are JSON; types are on "
        "[their own page](types.md). Errors are `application/problem+json` (RFC 9457) with JSON "
        "pointers to what is wrong: 400 not "
        "JSON, 404 no such thing, 409 not in this state, 413 too large, 415 not `application/json`, 422 understood and "
        "wrong, 503 store or pool are away.",
        "",
        "| call | what it does |",
        "|---|---|",
    ]
    routes = [(path, method, route) for path, item in document["paths"].items() for method, route in item.items()]
    for path, method, route in routes:
        what = _cell(_first(route.get("description") or route["summary"]))
        lines.append(f"| [`{method.upper()} {path}`](#{_anchor(method, path)}) | {what} |")
    for path, method, route in routes:
        lines += _call(path, method, route)
    return "\n".join(lines).rstrip() + "\n"


def types() -> str:
    """Every type of the contract: its fields, their types, limits and defaults."""
    schemas: Json = json.loads(OPENAPI.read_text("utf-8"))["components"]["schemas"]
    lines = ["# Types of the contract", "", "What the [calls](rest.md) take and give. Unknown fields are refused."]
    for name, schema in schemas.items():
        lines += ["", f"## {name}", ""]
        if text := schema.get("description"):
            lines += [*_paragraphs(text), ""]
        if "properties" not in schema:
            lines += [f"One of: {_type(schema)}.", ""]
            continue
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        needed = schema.get("required", ())
        lines += [_field(field, what, field in needed) for field, what in schema["properties"].items()]
    return "\n".join(lines).rstrip() + "\n"


def _call(path: str, method: str, route: Json) -> Iterator[str]:
    yield from ("", f"## {method.upper()} {path}", "")
    yield from (*_paragraphs(route.get("description") or f"{route['summary']}."), "")
    for parameter in route.get("parameters", ()):
        text = _cell(parameter.get("description") or "")
        shape = _type(parameter["schema"])
        yield f"- `{parameter['name']}` ({parameter['in']}): {shape}{'. ' + text if text else ''}"
    if body := route.get("requestBody"):
        yield f"- body: {_content(body)}"
    for code, reply in route["responses"].items():
        if not str(code).startswith(("4", "5")):
            yield f"- {code}: {_content(reply) or _cell(reply.get('description', ''))}"
    problems = [str(code) for code in route["responses"] if str(code).startswith(("4", "5"))]
    if problems:
        yield f"- problems: {', '.join(problems)}"


def _anchor(method: str, path: str) -> str:
    """As GitHub and the site make it from the heading."""
    return f"{method}-{''.join(sign for sign in path if sign.isalnum() or sign in '_-')}"


def _content(part: Json) -> str:
    return ", or ".join(
        f"{_type(content['schema'])}{'' if mime == 'application/json' else f' (`{mime}`)'}"
        for mime, content in part.get("content", {}).items()
        if content.get("schema")
    )


def _field(name: str, schema: Json, needed: bool) -> str:
    default = "needed" if needed else f"`{json.dumps(schema['default'])}`" if schema.get("default") is not None else "-"
    return f"| `{name}` | {_type(schema)} | {_cell(default)} | {_cell(schema.get('description', ''))} |"


def _type(schema: Json) -> str:
    """A type in words; references link to their section."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](types.md#{name.lower()})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[choice]))
    if schema.get("type") == "array":
        inner = _type(schema["items"]) if schema.get("items") else "anything"
        return f"list of ({inner})" + _limits(schema)
    return str(schema.get("format") or schema.get("type") or "anything") + _limits(schema)


def _limits(schema: Json) -> str:
    found = [text.format(schema[name]) for name, text in LIMITS.items() if name in schema]
    return (", " + ", ".join(found).replace("|", "\\|")) if found else ""


def _paragraphs(text: str) -> list[str]:
    """Docstrings hold words, and examples that are indented by four."""
    return text.strip().splitlines()


def _first(text: str) -> str:
    return text.strip().split("\n\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
