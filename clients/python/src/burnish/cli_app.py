"""The command line as a whole: its groups of commands, where it connects to, and its exit codes.

Exit codes: 0 well; 1 the job failed, blocks did not reproduce, or a model was rejected; 2 the request is wrong; 3 the
service cannot be reached; 4 the job was cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from burnish import (
    cli_files,
    cli_inspect,
    cli_jobs,
    cli_keys,
    cli_observe,
    cli_posterior,
    cli_reasoning,
    cli_run,
    cli_webhooks,
    errors,
    words,
)
from burnish.cli_base import (
    CANCELLED,
    FAILED,
    OK,
    UNREACHABLE,
    WRONG,
    ApiKey,
    Here,
    Local,
    Url,
    Version,
    app,
    go_local,
    plan_app,
    run_app,
)
from burnish.client import Burnish

__all__ = [
    "CANCELLED",
    "FAILED",
    "GROUPS",
    "OK",
    "WRONG",
    "cli_files",
    "cli_inspect",
    "cli_jobs",
    "cli_keys",
    "cli_observe",
    "cli_posterior",
    "cli_reasoning",
    "cli_run",
    "cli_webhooks",
]

GROUPS: Mapping[str, Sequence[str]] = {
    "Answers": ("run", "plan", "watch", "observe", "extend", "cancel", "resume", "verify"),
    "Jobs": ("list", "show", "download", "ledger", "delete"),
    "Uploads": ("upload", "models", "arrays"),
    "Service": ("kinds", "catalogue", "usage", "cluster", "canaries", "webhooks", "keys", "quota", "serve"),
}
"""The commands as `burnish --help` shows them."""

CONNECTING = ("--url", "--api-key")
"""Options of all commands."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    try:
        command_line()(hoisted(arguments), standalone_mode=True, prog_name="burnish")
    except SystemExit as leaving:
        return _code(leaving.code)
    except errors.BurnishError as error:
        return _complain(error, exit_code(error))
    except (ValueError, OSError) as error:
        return _complain(error, WRONG)
    return OK


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same with `--url` and `--api-key` in front, where they belong: they may be typed behind any command."""
    front, rest = list[str](), list(arguments)
    for at in [i for i, word in enumerate(rest) if word.partition("=")[0] in CONNECTING][::-1]:
        found = rest[at : at + (1 if "=" in rest[at] else 2)]
        del rest[at : at + len(found)]
        front = [*found, *front]
    return [*front, *rest]


def command_line() -> Any:
    """All commands, in the order and under the headings of `GROUPS`; those in no group (old names) are hidden."""
    whole: Any = typer.main.get_command(app)
    found: dict[str, Any] = dict(whole.commands)
    for heading, names in GROUPS.items():
        for name in names:
            found[name].rich_help_panel = heading
    ordered = [name for names in GROUPS.values() for name in names]
    whole.commands = {name: found[name] for name in (*ordered, *(n for n in found if n not in ordered))}
    return whole


def exit_code(error: errors.BurnishError) -> int:
    """Whose fault: the job's, the request's, or the service's."""
    if isinstance(error, errors.JobError | errors.ModelRejected):
        return FAILED
    mine = isinstance(error, errors.StatusError) and not isinstance(error, errors.ServiceError | errors.TooManyRequests)
    return WRONG if mine else UNREACHABLE


def _code(left_with: object) -> int:
    """What `SystemExit` carries: a number, nothing for well, or a text for not well."""
    if isinstance(left_with, int):
        return left_with
    return OK if left_with is None else FAILED


def _complain(error: Exception, code: int) -> int:
    typer.echo(f"burnish: {error}", err=True)
    if isinstance(error, errors.DeadlineNotMet) and (cures := words.promisable(error.reachable, error.earliest)):
        typer.echo(f"  what can be promised: {cures}", err=True)
    return code


@app.callback()
def connect(
    context: typer.Context,
    url: Url = None,
    api_key: ApiKey = None,
    local: Local = False,
    version: Version = False,
) -> None:
    """Answers that sharpen while you wait."""
    if context.invoked_subcommand == "serve":
        return
    context.obj = go_local(context) if local else context.with_resource(Burnish(url, api_key))


@run_app.callback()
def run_here(context: typer.Context, local: Here = False) -> None:
    """Create a job and watch its answer sharpen."""
    if local:
        context.obj = go_local(context)


@plan_app.callback()
def plan_here(context: typer.Context, local: Here = False) -> None:
    """What a job would cost and reach, without running it."""
    if local:
        context.obj = go_local(context)
