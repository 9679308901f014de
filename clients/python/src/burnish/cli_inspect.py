"""Commands about the service: its kinds, its catalogue, what was spent, the pool. And the one that serves."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from typing import Annotated

import typer

from burnish import wire, words
from burnish.cli_base import FAILED, WRONG, AsJson, app, columns, kind_names, ndjson, option
from burnish.cli_spec import BadOption


@app.command()
def kinds(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(help="One kind: its fields, and an example to start from.", autocompletion=kind_names),
    ] = None,
    example: Annotated[bool, option("The example alone, for `burnish run ... --spec -`.", "--example")] = False,
    as_json: AsJson = False,
) -> None:
    """List the kinds of jobs that the service runs, or show one."""
    if kind is not None:
        return show_kind(context.obj.kind(kind), example, as_json)
    if example:
        raise BadOption("--example of which kind? `burnish kinds` lists them")
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


@app.command()
def canaries(context: typer.Context, as_json: AsJson = False) -> None:
    """Small jobs with known answers that the service runs on itself: how they fared. Exit code 1 if one fails."""
    found: wire.Canaries = context.obj.canaries()
    failing = [canary.name for canary in found.data if canary.failing]
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        often = f"one every {words.duration(found.every)}" if found.every else "none: BURNISH_CANARY_EVERY is not set"
        typer.echo(f"The service runs {often}.")
        columns(
            ("CANARY", "RUNS", "HELD", "MISSED", "REFUSED", "BROKEN", "FORECAST", ""),
            [_fared(canary) for canary in found.data],
        )
    if failing:
        typer.echo(f"burnish: more misses than chance brings: {', '.join(failing)}", err=True)
        raise typer.Exit(FAILED)


def _fared(canary: wire.Canary) -> tuple[str, ...]:
    """`FORECAST`: the half-width that was reached over the one that was forecast."""
    counts = (canary.runs, canary.held, canary.missed, canary.refused, canary.broken)
    ratio = "-" if canary.calibration is None else f"{canary.calibration:.2f}"
    return canary.name, *map(str, counts), ratio, "FAILING" if canary.failing else ""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Serve on this machine (as `burnish-server serve`, with its options)."""
    raise typer.Exit(served(context.args))


def show_kind(kind: wire.KindInfo, example: bool, as_json: bool) -> None:
    """One kind: its fields, and an example that can be posted with `run --spec`."""
    if as_json:
        return typer.echo(kind.model_dump_json())
    if example:
        return typer.echo(json.dumps(kind.examples[0], indent=2))
    typer.echo(f"{kind.name}: {kind.summary}\n")
    fields = kind.spec.get("properties", {})
    columns(("FIELD", "WHAT"), [(name, str(about.get("description", ""))) for name, about in fields.items()])
    return typer.echo("\nAn example:\n" + json.dumps(kind.examples[0], indent=2))


def served(arguments: list[str]) -> int:
    """Run the server, found through an entry point: the SDK never imports upwards."""
    found = next(iter(entry_points(group="burnish.commands", name="serve")), None)
    if found is None:
        typer.echo("burnish: serving needs the server: pip install 'burnish-server[workers]'", err=True)
        return WRONG
    return int(found.load()(arguments))
