"""`burnish run` and `burnish plan`: jobs of a kind, from options."""

from __future__ import annotations

from typing import Annotated

import typer

from burnish import cli_files, cli_jobs, cli_spec, wire, words
from burnish.cli_base import (
    AbsTol,
    AsJson,
    Deadline,
    GpuSeconds,
    Here,
    NoWait,
    RelTol,
    Seconds,
    Units,
    WorkerSeconds,
    columns,
    go_local,
    is_local,
    option,
    plan_app,
    run_app,
)
from burnish.cli_spec import BadOption
from burnish.client import Burnish

Laplacian = Annotated[
    str | None, option("How second derivatives are taken: auto, forward, nested, hutchinson, coordinates.")
]
Shrinkage = Annotated[
    bool | None, typer.Option("--shrinkage", help="Also an estimate that is drawn towards the surrogate.")
]


@run_app.command("surrogate")
@plan_app.command("surrogate")
def run_surrogate(
    context: typer.Context,
    problem: Annotated[str | None, option("A problem of the catalogue.")] = None,
    surrogate: Annotated[str | None, option("A model of the catalogue. Default: none, plain simulation.")] = None,
    surrogate_file: Annotated[str | None, option("A model file to upload first (see burnish.export).")] = None,
    surrogate_expression: Annotated[str | None, option("A model as an expression over t, x, d.")] = None,
    fit: Annotated[
        str | None, option("Train a model first: auto, or e.g. share=0.5,optimiser=adam,width=50,depth=5.")
    ] = None,
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
    deadline: Deadline = None,
    level: Annotated[float | None, option("Confidence level. Default: 0.95.")] = None,
    interval: Annotated[str | None, option("stream, fixed (only at the end), open, or bounded.")] = None,
    bounds: Annotated[str | None, option("LOW,HIGH of every replicate, for --interval bounded.")] = None,
    simultaneous: Annotated[
        bool | None,
        typer.Option("--simultaneous/--per-output", help="Intervals for all outputs together, or each on its own."),
    ] = None,
    seed: Annotated[int | None, option("Seed of the simulation. Default: drawn by the service.")] = None,
    steps: Annotated[int | None, option("Time steps of a path. Default: resolved by the service.")] = None,
    method: Annotated[str | None, option("auto (compares), linearised, martingale, picard or plain.")] = None,
    gradient: Annotated[bool, typer.Option("--gradient", help="Also sigma^T grad u at every point.")] = False,
    laplacian: Laplacian = None,
    shrinkage: Shrinkage = None,
    spec: Annotated[str | None, option("A spec as JSON file (- for stdin); other options go over it.")] = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
    local: Here = False,
) -> None:
    """Correct a learned PDE solution at chosen points."""
    given = {name: value for name, value in locals().items() if name in cli_files.OPTIONS and value is not None}
    client: Burnish = go_local(context) if local else context.obj
    planning = context.parent is not None and context.parent.info_name == "plan"
    if no_wait and is_local(client) and not planning:
        raise BadOption("--no-wait leaves the job to a server, and with --local there is none")
    spec_ = cli_spec.build(cli_spec.Asked(**cli_files.sent(client, given)), client.catalogue)
    if planning:
        return show_plan(client.plan(spec_), as_json)
    return cli_jobs.started(client.submit(spec_), as_json, no_wait)


def show_plan(plan: wire.Plan, as_json: bool) -> None:
    """What a job would cost and reach."""
    if as_json:
        return typer.echo(plan.model_dump_json())
    seconds = plan.seconds
    typer.echo(
        f"{plan.outputs} outputs, {plan.units:,} units, about {words.duration(seconds.estimate)} on {plan.workers} "
        f"workers ({words.duration(plan.worker_seconds)} of one)"
    )
    if plan.fit is not None:
        typer.echo(_training(plan.fit))
    rows = [
        (str(k.blocks), f"{k.units:,}", words.duration(k.seconds), _width(k.half_width, plan.goal)) for k in plan.looks
    ]
    columns(("BLOCKS", "UNITS", "AFTER", "HALF-WIDTH"), rows)
    return typer.echo(_goal(plan.goal)) if plan.goal else None


def _training(fit: wire.FitPlan) -> str:
    part = "" if fit.share is None else f", {100 * fit.share:.0f} % of the time"
    law = f"the spread falls as training^-{fit.exponent:.2g} over {len(fit.trials)} trials"
    return f"training first: {fit.steps:,} steps, about {words.duration(fit.seconds)}{part} ({law})"


def _width(width: float | None, goal: wire.Goal | None) -> str:
    if width is None:
        return "not known"
    return f"{width:.3g}" + ("  <- tolerance" if goal and width <= goal.tolerance else "")


def _goal(goal: wire.Goal) -> str:
    if goal.units is None or goal.seconds is None:
        return f"tolerance {goal.tolerance:.3g}: no amount of sampling is known to reach it"
    after = f"after about {goal.units:,} units, {words.duration(goal.seconds.estimate)}"
    return f"tolerance {goal.tolerance:.3g}: {'met' if goal.met else 'beyond this budget, met'} {after}"
