"""Commands about jobs that there are: watch, extend, cancel, resume, verify, list, show, ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from burnish import answers, cli_live, wire, words
from burnish.cli_base import (
    ENDING,
    FAILED,
    OK,
    AbsTol,
    AsJson,
    Deadline,
    GpuSeconds,
    JobId,
    NoWait,
    RelTol,
    Seconds,
    Tokens,
    Units,
    VerifierCalls,
    WorkerSeconds,
    app,
    columns,
    is_local,
    kind_names,
    ndjson,
    option,
    status_names,
)
from burnish.cli_spec import BadOption
from burnish.job import Job
from burnish.wire import JobStatus


def started(job: Job, as_json: bool, no_wait: bool) -> None:
    """Watch a job, or print its id. Raises `typer.Exit` with the code that its ending stands for."""
    if not no_wait:
        raise typer.Exit(watched(job, cli_live.display(as_json)))
    typer.echo(job.snapshot.model_dump_json() if as_json else job.id)


def watched(job: Job, display: cli_live.Display) -> int:
    """Show a job until it is done; Ctrl-C leaves it running, or ends it where there is no server to run it."""
    detached = False
    with display:
        try:
            _follow(job, display)
        except KeyboardInterrupt:
            detached = not is_local(job._client)  # pyright: ignore[reportPrivateUsage] - a local job ends with us
            if not detached:
                job.cancel()
                _follow(job, display)
    if detached:
        typer.echo(f"\nNot watching any more; the job goes on. Watch it again: burnish watch {job.id}", err=True)
        return OK
    return ENDING.get(job.status, OK)


def _follow(job: Job, display: cli_live.Display) -> None:
    """From the first event that was not seen yet to the end."""
    for event in job.events(after=job.record.cursor):
        display.update(job.record, event)
    display.finish(job.record)


@app.command()
def watch(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Watch a job, from its first refinement on."""
    raise typer.Exit(watched(context.obj.get(job), cli_live.display(as_json)))


@app.command()
def extend(
    context: typer.Context,
    job: JobId,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    tokens: Tokens = None,
    verifier_calls: VerifierCalls = None,
    abs_tol: AbsTol = None,
    rel_tol: RelTol = None,
    deadline: Deadline = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
) -> None:
    """Let a job think longer, also one that is completed."""
    budget = {
        "seconds": seconds,
        "worker_seconds": worker_seconds,
        "gpu_seconds": gpu_seconds,
        "units": units,
        "tokens": tokens,
        "verifier_calls": verifier_calls,
        "abs_tol": abs_tol,
        "rel_tol": rel_tol,
        "deadline": deadline,
    }
    if not any(budget.values()):
        raise BadOption("by how much? Give --seconds, --units, --tokens, --abs-tol, --rel-tol or --deadline")
    started(context.obj.extend(job, **budget), as_json, no_wait)


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Stop a job; its last refinement is kept."""
    typer.echo("\n".join(cli_live.summary(context.obj.cancel(job).record)))


@app.command()
def show(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """Show a job as it is now."""
    found: Job = context.obj.get(job)
    if as_json:
        typer.echo(found.snapshot.model_dump_json(indent=2))
    else:
        cli_live.show(found.record)


@app.command("list")
def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100)] = 20,
    status: Annotated[
        str | None, typer.Option(help="Only jobs of this status.", show_default=False, autocompletion=status_names)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only jobs of this kind.", show_default=False, autocompletion=kind_names)
    ] = None,
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
def verify(
    context: typer.Context,
    job: JobId,
    blocks: Annotated[int | None, option("How many blocks, drawn at random. Default: 8.")] = None,
    index: Annotated[list[int] | None, option("Which blocks. Repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run some blocks of a job again: do they come out the same? Exit code 1 if not."""
    found: wire.Verification = context.obj.verify(job, blocks=blocks, indices=index)
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        rows = [(str(b.index), "yes" if b.reproduced else "NO", b.comparison, b.digest[:23]) for b in found.blocks]
        columns(("BLOCK", "REPRODUCED", "BY", "DIGEST"), rows)
        verdict = "reproduce" if found.reproduced else "do NOT reproduce"
        typer.echo(f"{len(found.blocks)} of {found.of} blocks run again: they {verdict}")
    if not found.reproduced:
        raise typer.Exit(FAILED)


@app.command()
def resume(context: typer.Context, job: JobId) -> None:
    """Let a crashed job go on from where it was."""
    typer.echo("\n".join(cli_live.summary(context.obj.resume(job).record)))


@app.command()
def download(
    context: typer.Context,
    job: JobId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Such as samples. Default: all of the newest look.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write, or a folder for several. Default: their own names."),
    ] = None,
) -> None:
    """Fetch what a job left: all outputs of a large answer, samples, pictures."""
    found: Job = context.obj.get(job)
    for refinement in context.obj.refinements(job):
        found.record.take_refinement(refinement)
    try:
        wanted = [answers.file_of(found.record, name) for name in names] if names else _newest_files(found)
    except LookupError as error:
        raise BadOption(str(error)) from None
    folder = out if out and out.is_dir() else None
    if out and not folder and len(wanted) > 1:
        raise BadOption(f"--out {out} is one file, but there are {len(wanted)}: {', '.join(wanted)}; name a folder")
    for name in wanted:
        path = folder / name if folder else out or Path(name)
        path.write_bytes(context.obj.artifact(job, name))
        typer.echo(str(path))


def _newest_files(job: Job) -> list[str]:
    files = answers.files_of(answers.newest(job.record))
    if not files:
        count = words.outputs_of(answers.newest(job.record))
        raise BadOption(f"job {job.id} left no files; its refinements list its {count} outputs: burnish show --json")
    return files


@app.command()
def ledger(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """The blocks that an answer was folded from, with their digests."""
    rows = list(context.obj.ledger(job, limit=1000))
    if as_json:
        return ndjson(rows)
    table = [(str(r.index), r.digest[:23], str(r.attempts), str(r.epoch), f"{r.seconds:.3f}") for r in rows]
    return columns(("BLOCK", "DIGEST", "ISSUED", "RUNNER", "SECONDS"), table)


def _row(job: Job) -> tuple[str, ...]:
    return job.id, job.kind, job.status, words.duration(job.spent.seconds), cli_live.answer(job.record)
