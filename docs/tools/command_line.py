"""The pages on the command lines: `burnish` from its typer app, `burnish-server` from its parser's help."""

from __future__ import annotations

import contextlib
import io
import os
import re
from unittest import mock

import typer
from typer.cli import get_docs_for_click

from burnish.cli_app import command_line
from burnish_service.__main__ import main

SERVER = ("serve", "deploy", "key")


def page() -> str:
    """All commands with all their options."""
    whole = command_line()
    hidden = [name for name, command in whole.commands.items() if not getattr(command, "rich_help_panel", None)]
    for name in hidden:
        del whole.commands[name]
    text = get_docs_for_click(obj=whole, ctx=typer.Context(whole, info_name="burnish"), name="burnish")
    # Lists of commands cut their words short, and every command has a section below.
    text = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+\n", "", text)
    text = text.replace("```console\n$ ", "```text\n").replace("# `burnish`", "## `burnish`", 1)
    text = re.sub(r"(?m)^(#+) `(burnish .+)`$", r"#\1 `\2`", text)
    return _INTRO + "\n" + text.rstrip() + "\n\n" + _server()


def _server() -> str:
    parts = ["## `burnish-server`", "", "```text", _help(), "```"]
    for command in SERVER:
        parts += ["", f"### `burnish-server {command}`", "", "```text", _help(command), "```"]
    return "\n".join(parts) + "\n"


def _help(*command: str) -> str:
    out = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="100"), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


_INTRO = """# Command line

`burnish` comes with `pip install 'burnish[cli]'`, `burnish-server` with the service. What can be said about jobs by
options can be said in full by a spec: `--spec FILE`, with the fields of [SurrogateSpec](types.md#surrogatespec),
[PosteriorSpec](types.md#posteriorspec) or [ReasoningSpec](types.md#reasoningspec).
"""
