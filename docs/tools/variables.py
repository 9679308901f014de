"""The page on settings: the fields of `Settings`, and what else is read from the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from burnish_service.settings import Settings

CLIENT = {
    "BURNISH_BASE_URL": "Where the service is. Default: http://127.0.0.1:8000.",
    "BURNISH_API_KEY": "Sent as a bearer token. Default: none.",
    "BURNISH_LOCAL": "The command line runs jobs in its own process.",
}
WORKERS = {
    "BURNISH_LANGUAGE_MODELS": "Hugging Face directories that jobs may name, as in small=/models/small. Front and "
    "workers read it. See [bring your own language model](../how-to/own-language-model.md).",
    "BURNISH_LANGUAGE_ROWS": "Rows of a pass of a language model (32). It is written into the resolution of a job, "
    "since other sizes give other bits.",
    "BURNISH_DEPLOYED": "When what runs was deployed. `deploy` sets it, so that no process with older code is used "
    "again.",
    "BURNISH_HAPROXY": "The HAProxy that is started, where it is not the one that Ray brings; `serve` sets it.",
    "BURNISH_EXTRA_KINDS": "Kinds under development, as in module:attribute,module:attribute.",
}


def page() -> str:
    """One table for the service, one for its workers, one for clients."""
    lines = ["# Settings", "", "Everything is read from the environment when a process starts; options of the "]
    lines[-1] += "[command line](cli.md) go over it."
    lines += ["", "## Service", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
    lines += [_row(name, field) for name, field in Settings.model_fields.items()]
    lines += ["", "## Service and workers", "", *_table(WORKERS), "", "## Clients", "", *_table(CLIENT)]
    return "\n".join(lines) + "\n"


def variables() -> set[str]:
    """All names on the page."""
    return {_variable(name) for name in Settings.model_fields} | set(WORKERS) | set(CLIENT)


def _variable(name: str) -> str:
    return f"BURNISH_{name.upper()}"


def _row(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"the setting {name!r} of burnish_service/settings.py has no description; give it one")
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    shown = "-" if default in (None, "") else f"`{default}`"
    return f"| `{_variable(name)}` | {_type(field)} | {shown} | {' '.join(field.description.split())} |"


def _type(field: FieldInfo) -> str:
    return ", ".join([_name(field.annotation), *_limits(field)]).replace("|", "\\|")


def _name(kind: Any) -> str:
    words = str(getattr(kind, "__name__", kind)) if not getattr(kind, "__args__", ()) else _choices(kind)
    return {"str": "text", "int": "whole number", "float": "number", "SecretStr": "secret text"}.get(
        words, words
    ).lower()


def _choices(kind: Any) -> str:
    literal = all(isinstance(each, str) for each in kind.__args__)
    names = [each if literal else _name(each) for each in kind.__args__ if each is not type(None)]
    return " or ".join(f"`{name}`" if literal else name for name in names)


def _limits(field: FieldInfo) -> Iterator[str]:
    for sign, attribute in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
        for limit in field.metadata:
            if (value := getattr(limit, attribute, None)) is not None:
                yield f"{sign} {value:g}"


def _table(rows: dict[str, str]) -> list[str]:
    return ["| variable | meaning |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows.items())]
