"""The commands of `burnish`.

Exit codes: 0 well; 1 the job failed, blocks did not reproduce, or a model was rejected; 2 the request is wrong; 3 the
service cannot be reached; 4 the job was cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from burnish import cli_files, cli_inspect, cli_live, cli_spec, errors, words
from burnish.cli_base import (
    ENDING,
    FAILED,
    OK,
    UNREACHABLE,
    WRONG,
    AbsTol,
    ApiKey,
    AsJson,
    GpuSeconds,
    JobId,
    Local,
    NoWait,
    RelTol,
    Seconds,
    Units,
    Url,
    Version,
    WorkerSeconds,
    app,
    columns,
    ndjson,
    option,
    plan_app,
    run_app,
)
from burnish.client import Burnish
from burnish.job import Job
from burnish.wire import JobStatus

__all__ = ["app", "cli_files", "cli_inspect", "exit_code", "run"]


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
    if isinstance(error, errors.JobError | errors.ModelRejected):
        return FAILED
    mine = isinstance(error, errors.StatusError) and not isinstance(error, errors.ServiceError | errors.TooManyRequests)
    return WRONG if mine else UNREACHABLE


def _complain(error: Exception, code: int) -> int:
    typer.echo(f"burnish: {error}", err=True)
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
    if context.invoked_subcommand != "serve":
        context.obj = context.with_resource(_client(local, url, api_key))


@run_app.callback()
@plan_app.callback()
def connect_here(
    context: typer.Context, local: Annotated[bool, option("As `burnish --local`.", "--local")] = False
) -> None:
    """Create a job and watch its answer sharpen."""
    if local and not cli_files.is_local(context.obj):
        context.obj = context.with_resource(Burnish.local())


def _client(local: bool, url: str | None, api_key: str | None) -> Burnish:
    if local and url is not None:
        raise cli_spec.BadOption("--local runs in this process and --url names a service; give one or the other")
    return Burnish.local() if local else Burnish(url, api_key)


@run_app.command("surrogate")
@plan_app.command("surrogate")
def run_surrogate(
    context: typer.Context,
    problem: Annotated[str | None, option("A problem of the catalogue.")] = None,
    surrogate: Annotated[str | None, option("A model of the catalogue. Default: none, plain simulation.")] = None,
    surrogate_file: Annotated[str | None, option("A model file to upload first (see burnish.export).")] = None,
    surrogate_expression: Annotated[str | None, option("A model as an expression over t, x, d.")] = None,
    points: Annotated[int | None, option("Draw this many points from the box of the problem.")] = None,
    point_seed: Annotated[int, typer.Option(help="Seed of the points drawn.")] = 0,
    box: Annotated[str | None, option("LOW,HIGH: draw from here instead.")] = None,
    points_file: Annotated[str | None, option("Points as .npy or safetensors, to upload first.")] = None,
    x: Annotated[
        list[str] | None, option("One point: 0.1,0.2,... or one number for all coordinates. Repeatable.")
    ] = None,
    t: Annotated[list[float] | None, option("Time of the points: one for all, or one each. Default: 0.")] = None,
    dim: Annotated[int | None, option("Dimension. Default: that of the problem.")] = None,
    horizon: Annotated[float | None, option("Own equation: T, where the terminal condition holds.")] = None,
    drift: Annotated[str | None, option("Own equation: mu(t, x).")] = None,
    diffusion: Annotated[str | None, option("Own equation: sigma(t, x).")] = None,
    nonlinearity: Annotated[str | None, option("Own equation: F(t, x, u, z).")] = None,
    terminal: Annotated[str | None, option("Own equation: g(x).")] = None,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    abs_tol: AbsTol = None,
    rel_tol: RelTol = None,
    level: Annotated[float | None, option("Confidence level. Default: 0.95.")] = None,
    interval: Annotated[str | None, option("stream, fixed (only at the end), open, or bounded.")] = None,
    bounds: Annotated[str | None, option("LOW,HIGH of every replicate, for --interval bounded.")] = None,
    simultaneous: Annotated[
        bool | None,
        typer.Option("--simultaneous/--per-output", help="Intervals for all outputs together, or each on its own."),
    ] = None,
    seed: Annotated[int | None, option("Seed of the simulation. Default: drawn by the service.")] = None,
    steps: Annotated[int | None, option("Time steps of a path. Default: resolved by the service.")] = None,
    spec: Annotated[str | None, option("A spec as JSON file (- for stdin); other options go over it.")] = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
) -> None:
    """Correct a learned PDE solution at chosen points."""
    given = {name: value for name, value in locals().items() if name in cli_files.OPTIONS and value is not None}
    client: Burnish = context.obj
    spec_ = cli_spec.build(cli_spec.Asked(**cli_files.sent(client, given)), client.catalogue)
    if context.parent is not None and context.parent.info_name == "plan":
        return cli_inspect.show_plan(client.plan(spec_), as_json)
    if no_wait and cli_files.is_local(client):
        raise cli_spec.BadOption("--no-wait leaves the job to a server, and with --local there is none")
    return _started(client.submit(spec_), as_json, no_wait)


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
    status: Annotated[str | None, option("Only jobs of this status.")] = None,
    kind: Annotated[str | None, option("Only jobs of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    wanted: JobStatus | None = status  # pyright: ignore[reportAssignmentType] (the service knows its statuses best)
    jobs: list[Job] = context.obj.list(limit=limit, status=wanted, kind=kind).data
    if as_json:
        ndjson(job.snapshot for job in jobs)
    else:
        columns(("JOB", "KIND", "STATUS", "SPENT", "ANSWER"), [_row(job) for job in jobs])


@app.command()
def kinds(
    context: typer.Context,
    kind: Annotated[str | None, typer.Argument(help="One kind: its fields, and an example to start from.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the kinds of jobs that the service runs, or show one."""
    if kind is not None:
        return cli_inspect.show_kind(context.obj.kind(kind), as_json)
    found = context.obj.kinds()
    if as_json:
        ndjson(found)
    else:
        columns(("KIND", "SUMMARY"), [(k.name, k.summary) for k in found])
    return None


@app.command()
def catalogue(context: typer.Context, as_json: AsJson = False) -> None:
    """List the problems and models that a job may name."""
    found = context.obj.catalogue()
    if as_json:
        ndjson(found)
    else:
        columns(("TYPE", "NAME", "SUMMARY"), [(e.type, e.name, e.summary) for e in found])


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
        if cli_files.is_local(job._client):  # pyright: ignore[reportPrivateUsage] - it ends with this process
            job.cancel()
            return ENDING["cancelled"]
        typer.echo(f"\nNot watching any more; the job goes on. Watch it again: burnish watch {job.id}", err=True)
        return OK
    return ENDING.get(job.status, OK)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Serve on this machine (as `burnish-server serve`, with its options)."""
    raise typer.Exit(cli_inspect.serve(context.args))


def _row(job: Job) -> tuple[str, ...]:
    return job.id, job.kind, job.status, words.duration(job.spent.seconds), cli_live.answer(job.record)
