"""Commands that look: plans, verification, ledgers, usage, the pool, kinds. And the one that serves."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import Annotated

import typer

from burnish import cli_live, wire, words
from burnish.cli_base import FAILED, WRONG, AsJson, JobId, app, columns, ndjson, option
from burnish.client import Burnish


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
def ledger(context: typer.Context, job: JobId, as_json: AsJson = False) -> None:
    """The blocks that an answer was folded from, with their digests."""
    rows = list(context.obj.ledger(job, limit=1000))
    if as_json:
        return ndjson(rows)
    table = [(str(r.index), r.digest[:23], str(r.attempts), str(r.epoch), f"{r.seconds:.3f}") for r in rows]
    return columns(("BLOCK", "DIGEST", "ISSUED", "RUNNER", "SECONDS"), table)


@app.command()
def usage(
    context: typer.Context,
    days: Annotated[int, typer.Option(help="How many of the last.", min=1, max=3660)] = 30,
    as_json: AsJson = False,
) -> None:
    """What was spent, by day and kind."""
    found: wire.Usage = context.obj.usage(days=days)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    rows = [(r.day, r.kind, str(r.jobs), f"{r.units:,}", words.duration(r.worker_seconds)) for r in found.data]
    total = found.total
    rows.append(("total", "", str(total.jobs), f"{total.units:,}", words.duration(total.worker_seconds)))
    columns(("DAY", "KIND", "JOBS", "UNITS", "WORKER TIME"), rows)


@app.command()
def cluster(context: typer.Context, as_json: AsJson = False) -> None:
    """The pool of workers, and who has what of it now."""
    found: wire.ClusterView = context.obj.cluster()
    if as_json:
        typer.echo(found.model_dump_json())
        return
    lacking = f" ({found.lacking})" if found.lacking else ""
    typer.echo(f"{found.workers} of {found.workers_wanted} workers up{lacking}, {len(found.runners)} runners")
    rows = [(j.id, f"{j.in_flight}/{j.slots}", str(j.blocks), words.duration(j.worker_seconds)) for j in found.jobs]
    columns(("JOB", "IN FLIGHT", "BLOCKS", "WORKER TIME"), rows)


def show_plan(plan: wire.Plan, as_json: bool) -> None:
    """What a job would cost and reach."""
    if as_json:
        return typer.echo(plan.model_dump_json())
    seconds = plan.seconds
    typer.echo(
        f"{plan.outputs} outputs, {plan.units:,} units, about {words.duration(seconds.estimate)} on {plan.workers} "
        f"workers ({words.duration(plan.worker_seconds)} of one)"
    )
    rows = [
        (str(k.blocks), f"{k.units:,}", words.duration(k.seconds), _width(k.half_width, plan.goal)) for k in plan.looks
    ]
    columns(("BLOCKS", "UNITS", "AFTER", "HALF-WIDTH"), rows)
    return typer.echo(_goal(plan.goal)) if plan.goal else None


def _width(width: float | None, goal: wire.Goal | None) -> str:
    if width is None:
        return "not known"
    return f"{width:.3g}" + ("  <- tolerance" if goal and width <= goal.tolerance else "")


def _goal(goal: wire.Goal) -> str:
    if goal.units is None or goal.seconds is None:
        return f"tolerance {goal.tolerance:.3g}: no amount of sampling is known to reach it"
    after = f"after about {goal.units:,} units, {words.duration(goal.seconds.estimate)}"
    return f"tolerance {goal.tolerance:.3g}: {'met' if goal.met else 'beyond this budget, met'} {after}"


def show_kind(kind: wire.KindInfo, as_json: bool) -> None:
    """One kind: its fields, and an example that can be posted with `run --spec`."""
    if as_json:
        return typer.echo(kind.model_dump_json())
    typer.echo(f"{kind.name}: {kind.summary}\n")
    fields = kind.spec.get("properties", {})
    columns(("FIELD", "WHAT"), [(name, str(about.get("description", ""))) for name, about in fields.items()])
    return typer.echo("\nAn example:\n" + json.dumps(kind.examples[0], indent=2))


def serve(arguments: list[str]) -> int:
    """Run the server, found through an entry point: the SDK never imports upwards."""
    found = next(iter(entry_points(group="burnish.commands", name="serve")), None)
    if found is None:
        typer.echo("burnish: serving needs the server: pip install 'burnish-server[workers]'", err=True)
        return WRONG
    return int(found.load()(arguments))


__all__ = ["Burnish", "serve", "show_kind", "show_plan"]
