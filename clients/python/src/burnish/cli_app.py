"""The commands of `burnish`.

Exit codes: 0 well, 1 the job failed, 2 the request is wrong, 3 the service cannot be reached, 4 the job was cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from burnish import cli_live, cli_spec, errors, settings, words
from burnish._version import __version__
from burnish.client import Burnish
from burnish.job import Job
from burnish.wire import JobStatus

OK, FAILED, WRONG, UNREACHABLE, CANCELLED = 0, 1, 2, 3, 4
_ENDING = {"failed": FAILED, "crashed": FAILED, "cancelled": CANCELLED}


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, show_default=False)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"burnish {__version__}")
        raise typer.Exit


JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of the job, job_...")]
AsJson = Annotated[bool, _option("JSON in place of text; while watching, one refinement per line.", "--json")]
NoWait = Annotated[bool, _option("Do not watch: print the id of the job and return.", "--no-wait")]
Url = Annotated[str | None, _option(f"Where the service is. Default: BURNISH_BASE_URL, else {settings.BASE_URL}.")]
ApiKey = Annotated[str | None, _option("Default: BURNISH_API_KEY.")]
Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
]
Seconds = Annotated[float | None, _option("Budget: seconds of running.")]
WorkerSeconds = Annotated[float | None, _option("Budget: seconds summed over workers.")]
GpuSeconds = Annotated[float | None, _option("Budget: seconds summed over GPU shares.")]
Units = Annotated[int | None, _option("Budget: paths to simulate.")]
AbsTol = Annotated[float | None, _option("Stop when every half-width is at most this.")]
RelTol = Annotated[float | None, _option("Stop when every half-width is at most this times |estimate|.")]

app = typer.Typer(
    help="Answers that sharpen while you wait.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
run_app = typer.Typer(help="Create a job and watch its answer sharpen.", no_args_is_help=True)
app.add_typer(run_app, name="run")


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    try:
        app(list(arguments), standalone_mode=True, prog_name="burnish")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else OK
    except errors.BurnishError as error:
        return _complain(error, exit_code(error))
    except ValueError as error:
        return _complain(error, WRONG)
    return OK


def exit_code(error: errors.BurnishError) -> int:
    """Whose fault: the job's, the request's, or the service's."""
    if isinstance(error, errors.JobError):
        return FAILED
    mine = isinstance(error, errors.StatusError) and not isinstance(error, errors.ServiceError | errors.TooManyRequests)
    return WRONG if mine else UNREACHABLE


def _complain(error: Exception, code: int) -> int:
    typer.echo(f"burnish: {error}", err=True)
    return code


@app.callback()
def connect(context: typer.Context, url: Url = None, api_key: ApiKey = None, version: Version = False) -> None:
    """Answers that sharpen while you wait."""
    context.obj = context.with_resource(Burnish(url, api_key))


@run_app.command("surrogate")
def run_surrogate(
    context: typer.Context,
    problem: Annotated[str | None, _option("A problem of the catalogue.")] = None,
    surrogate: Annotated[str | None, _option("A model of the catalogue. Default: none, plain simulation.")] = None,
    surrogate_expression: Annotated[str | None, _option("A model as an expression over t, x, d.")] = None,
    points: Annotated[int | None, _option("Draw this many points from the box of the problem.")] = None,
    point_seed: Annotated[int, typer.Option(help="Seed of the points drawn.")] = 0,
    box: Annotated[str | None, _option("LOW,HIGH: draw from here instead.")] = None,
    x: Annotated[
        list[str] | None, _option("One point: 0.1,0.2,... or one number for all coordinates. Repeatable.")
    ] = None,
    t: Annotated[list[float] | None, _option("Time of the points: one for all, or one each. Default: 0.")] = None,
    dim: Annotated[int | None, _option("Dimension. Default: that of the problem.")] = None,
    horizon: Annotated[float | None, _option("Own equation: T, where the terminal condition holds.")] = None,
    drift: Annotated[str | None, _option("Own equation: mu(t, x).")] = None,
    diffusion: Annotated[str | None, _option("Own equation: sigma(t, x).")] = None,
    nonlinearity: Annotated[str | None, _option("Own equation: F(t, x, u, z).")] = None,
    terminal: Annotated[str | None, _option("Own equation: g(x).")] = None,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    abs_tol: AbsTol = None,
    rel_tol: RelTol = None,
    level: Annotated[float | None, _option("Confidence level. Default: 0.95.")] = None,
    interval: Annotated[str | None, _option("stream: valid whenever you stop; fixed: only at the end.")] = None,
    seed: Annotated[int | None, _option("Seed of the simulation. Default: drawn by the service.")] = None,
    steps: Annotated[int | None, _option("Time steps of a path. Default: resolved by the service.")] = None,
    spec: Annotated[str | None, _option("A spec as JSON file (- for stdin); other options go over it.")] = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
) -> None:
    """Correct a learned PDE solution at chosen points."""
    given = {name: value for name, value in locals().items() if name in cli_spec.Asked.__slots__ and value is not None}
    client: Burnish = context.obj
    _started(client.submit(cli_spec.build(cli_spec.Asked(**given), client.catalogue)), as_json, no_wait)


@app.command()
def watch(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Watch a job, from its first refinement on."""
    raise typer.Exit(_watch(context.obj.get(job), cli_live.display(as_json)))


@app.command()
def extend(
    context: typer.Context,
    job: JobId,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    abs_tol: AbsTol = None,
    rel_tol: RelTol = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
) -> None:
    """Let a job think longer, also one that is completed."""
    budget = {
        "seconds": seconds,
        "worker_seconds": worker_seconds,
        "gpu_seconds": gpu_seconds,
        "units": units,
        "abs_tol": abs_tol,
        "rel_tol": rel_tol,
    }
    if not any(budget.values()):
        raise cli_spec.BadOption("by how much? Give --seconds, --units, --abs-tol or --rel-tol")
    _started(context.obj.extend(job, **budget), as_json, no_wait)


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Stop a job; its last refinement is kept."""
    typer.echo("\n".join(cli_live.summary(context.obj.cancel(job).record)))


@app.command()
def show(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Show a job as it is now."""
    found: Job = context.obj.get(job)
    typer.echo(found.snapshot.model_dump_json(indent=2) if as_json else "\n".join(cli_live.summary(found.record)))


@app.command("list")
def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100)] = 20,
    status: Annotated[str | None, _option("Only jobs of this status.")] = None,
    kind: Annotated[str | None, _option("Only jobs of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    wanted: JobStatus | None = status  # pyright: ignore[reportAssignmentType] (the service knows its statuses best)
    jobs: list[Job] = context.obj.list(limit=limit, status=wanted, kind=kind).data
    if as_json:
        _ndjson(job.snapshot for job in jobs)
    else:
        _columns(("JOB", "KIND", "STATUS", "SPENT", "ANSWER"), [_row(job) for job in jobs])


@app.command()
def kinds(context: typer.Context, as_json: AsJson = False) -> None:
    """List the kinds of jobs that the service runs."""
    found = context.obj.kinds()
    if as_json:
        _ndjson(found)
    else:
        _columns(("KIND", "SUMMARY"), [(k.name, k.summary) for k in found])


@app.command()
def catalogue(context: typer.Context, as_json: AsJson = False) -> None:
    """List the problems and models that a job may name."""
    found = context.obj.catalogue()
    if as_json:
        _ndjson(found)
    else:
        _columns(("TYPE", "NAME", "SUMMARY"), [(e.type, e.name, e.summary) for e in found])


def _started(job: Job, as_json: bool, no_wait: bool) -> None:
    if not no_wait:
        raise typer.Exit(_watch(job, cli_live.display(as_json)))
    typer.echo(job.snapshot.model_dump_json() if as_json else job.id)


def _watch(job: Job, display: cli_live.Display) -> int:
    """Show a job until it is done; Ctrl-C leaves it running."""
    try:
        with display:
            for event in job.events():
                display.update(job.record, event)
            display.finish(job.record)
    except KeyboardInterrupt:
        typer.echo(f"\nNot watching any more; the job goes on. Watch it again: burnish watch {job.id}", err=True)
        return OK
    return _ENDING.get(job.status, OK)


def _row(job: Job) -> tuple[str, ...]:
    return job.id, job.kind, job.status, words.duration(job.spent.seconds), cli_live.answer(job.record)


def _ndjson(values: Iterable[Any]) -> None:
    for value in values:
        typer.echo(json.dumps(value.model_dump(mode="json")))


def _columns(header: Sequence[str], table: Sequence[Sequence[str]]) -> None:
    """Plain aligned columns, the same in a terminal and in a pipe."""
    widths = [max(len(row[i]) for row in (header, *table)) for i in range(len(header) - 1)]
    for row in (header, *table):
        typer.echo("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
