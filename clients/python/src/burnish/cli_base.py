"""What the commands share: options, exit codes, tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

import typer

from burnish import local, settings, wire
from burnish._version import __version__
from burnish.cli_spec import BadOption
from burnish.client import Burnish

OK, FAILED, WRONG, UNREACHABLE, CANCELLED = 0, 1, 2, 3, 4
ENDINGS = (
    "Exit codes: 0 well; 1 the job failed, blocks did not reproduce, or a model was rejected; 2 the request is wrong; "
    "3 the service cannot be reached; 4 the job was cancelled."
)
ENDING = {"failed": FAILED, "crashed": FAILED, "cancelled": CANCELLED}


def option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, show_default=False)


def version(asked: bool) -> None:
    if asked:
        typer.echo(f"burnish {__version__}")
        raise typer.Exit


_AHEAD = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}


def moment(text: str | None) -> str | None:
    """A moment as the service wants it, from a time from now; others are left for the service to judge."""
    ahead = _AHEAD.fullmatch(text.strip()) if text is not None else None
    if ahead is None:
        return text
    try:
        at = datetime.now(UTC) + timedelta(seconds=float(ahead[1]) * _SECONDS[ahead[2]])
    except OverflowError:
        raise BadOption(f"--deadline {text}: further ahead than calendars go") from None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of the job, job_...")]
AsJson = Annotated[bool, option("JSON in place of text; while watching, one refinement per line.", "--json")]
NoWait = Annotated[bool, option("Do not watch: print the id of the job and return.", "--no-wait")]
Url = Annotated[str | None, option(f"Where the service is. Default: BURNISH_BASE_URL, else {settings.BASE_URL}.")]
ApiKey = Annotated[str | None, option("Default: BURNISH_API_KEY.")]
Version = Annotated[
    bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version and exit.")
]
Local = Annotated[
    bool,
    typer.Option("--local", envvar="BURNISH_LOCAL", help="In this process, without a server (needs burnish-server)."),
]
Here = Annotated[bool, option("As `burnish --local`.", "--local")]
Seconds = Annotated[float | None, option("Budget: seconds of running.")]
WorkerSeconds = Annotated[float | None, option("Budget: seconds summed over workers.")]
GpuSeconds = Annotated[float | None, option("Budget: seconds summed over GPU shares.")]
Units = Annotated[int | None, option("Budget: paths to simulate.")]
Tokens = Annotated[int | None, option("Budget: generated tokens, those of rejected candidates too (reasoning).")]
VerifierCalls = Annotated[int | None, option("Budget: prefixes that a verifier values (reasoning).")]
AbsTol = Annotated[float | None, option("Stop when every half-width is at most this.")]
RelTol = Annotated[float | None, option("Stop when every half-width is at most this times |estimate|.")]
Deadline = Annotated[
    str | None,
    typer.Option(
        help="When the answer must be there: from now, as in 90s, 10min, 2h, or a moment, 2026-01-31T12:00:00Z. With a "
        "tolerance it is promised, or refused with what could be.",
        show_default=False,
        callback=moment,
    ),
]

app = typer.Typer(
    help="Answers that sharpen while you wait.",
    epilog=ENDINGS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
run_app = typer.Typer(help="Create a job and watch its answer sharpen.", no_args_is_help=True)
plan_app = typer.Typer(help="What a job would cost and reach, without running it.", no_args_is_help=True)
app.add_typer(run_app, name="run")
app.add_typer(plan_app, name="plan")


def is_local(client: Burnish | None) -> bool:
    """Whether the service lives in this process."""
    return client is not None and client.base_url == local.BASE_URL


def go_local(context: typer.Context) -> Burnish:
    """The client of a service in this process, started now if there is none; it ends with the command."""
    if context.find_root().params.get("url") is not None:
        raise BadOption("--local runs in this process and --url names a service; give one or the other")
    if is_local(context.obj):
        return context.obj
    return context.with_resource(Burnish.local())


def kind_names(incomplete: str) -> list[str]:
    """Kinds of jobs that begin so, for completion in a shell, which must not wait for a service."""
    names = [command.name for command in run_app.registered_commands if command.name]
    return [name for name in names if name.startswith(incomplete)]


def status_names(incomplete: str) -> list[str]:
    """Statuses of jobs that begin so."""
    return [name for name in get_args(wire.JobStatus) if name.startswith(incomplete)]


def ndjson(values: Iterable[Any]) -> None:
    for value in values:
        typer.echo(json.dumps(value.model_dump(mode="json")))


def columns(header: Sequence[str], table: Sequence[Sequence[str]]) -> None:
    """Plain aligned columns, the same in a terminal and in a pipe."""
    widths = [max(len(row[i]) for row in (header, *table)) for i in range(len(header) - 1)]
    for row in (header, *table):
        typer.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
