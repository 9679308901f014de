"""`burnish run posterior` and `burnish plan posterior`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from burnish import cli_jobs, cli_posterior_spec
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
    go_local,
    is_local,
    option,
    plan_app,
    run_app,
)
from burnish.cli_run import show_plan
from burnish.cli_spec import BadOption
from burnish.client import Burnish

NUMBERS = "a .json file, or .npy or safetensors to upload"
Guidance = Annotated[str | None, option("auto (compares), kalman, gradient, ensemble, classifier_free or none.")]
Tempering = Annotated[str | None, option("auto (compares), linear, adaptive or none.")]
Method = Annotated[
    str | None, option("auto, smc, pimh; for comparison the published urge, fk_steering, dps and mcgdiff.")
]

Simultaneous = Annotated[
    bool | None, typer.Option("--simultaneous/--per-output", help="Intervals for all outputs together, or each alone.")
]
Dynamics = Annotated[
    str | None,
    option("Follow a state: a name of the catalogue and settings, lorenz63,substeps=10,noise=0.1, or a .json file."),
]
Observations = Annotated[
    str | None, option("Those known already: a file as of `burnish observe --file`. More by `burnish observe`.")
]
Filter = Annotated[str | None, option("A method and settings: guided,islands=16; see `burnish kinds posterior`.")]
InitialVariance = Annotated[str | None, option(f"Its variance: one number, or {NUMBERS}. Default: 1.")]
ObserveNoise = Annotated[str | None, option(f"Variance of an observation's noise: one number, or {NUMBERS}.")]


@run_app.command("posterior")
@plan_app.command("posterior")
def run_posterior(
    context: typer.Context,
    prior: Annotated[str | None, option("A diffusion model of the catalogue, such as digits.")] = None,
    label: Annotated[int | None, option("Class, for a prior that is conditional.")] = None,
    mixture: Annotated[str | None, option("A Gaussian mixture in place of a model: JSON, or only its means.")] = None,
    y: Annotated[str | None, option(f"What was observed: 1,2,3, {NUMBERS}.")] = None,
    sigma: Annotated[str | None, option("Standard deviation of its noise: one number, or one each.")] = None,
    inpaint: Annotated[str | None, option(f"Seen where the mask is 1: {NUMBERS}.")] = None,
    matrix: Annotated[str | None, option(f"Seen through a matrix (rows, d): {NUMBERS}.")] = None,
    blur: Annotated[float | None, option("Seen through a Gaussian of so many pixels.")] = None,
    kernel: Annotated[str | None, option(f"Seen through a convolution: {NUMBERS}.")] = None,
    downsample: Annotated[int | None, option("Seen as means over blocks of so many by so many pixels.")] = None,
    project: Annotated[int | None, option("Seen through so many random rows.")] = None,
    see: Annotated[list[str] | None, option("Seen through an expression over x. Repeatable: one per number.")] = None,
    see_model: Annotated[str | None, option("Seen through a network: a file to upload, or its id.")] = None,
    reward: Annotated[str | None, option("An expression R over x: the prior times exp(R/temperature).")] = None,
    reward_model: Annotated[str | None, option("R as a network: a file to upload, or its id.")] = None,
    temperature: Annotated[float | None, option("Of the reward. Default: 1.")] = None,
    classifier: Annotated[str | None, option("A classifier of clean samples: a file to upload, or its id.")] = None,
    class_: Annotated[int | None, option("The class that it is to see.", "--class")] = None,
    scheduler: Annotated[str | None, option("ddpm, ddim, vp, ve, ve_euler, edm or flow. Default: the model's.")] = None,
    steps: Annotated[int | None, option("Steps of the chain, which is the prior. Default: resolved.")] = None,
    eta: Annotated[float | None, option("Noise of a step, 0 to 1. Default: 1.")] = None,
    method: Method = None,
    particles: Annotated[int | None, option("Particles of an island. Default: resolved.")] = None,
    guidance: Guidance = None,
    strength: Annotated[float | None, option("Times the guidance. Default: 1.")] = None,
    guidance_label: Annotated[int | None, option("The class that classifier_free pushes to.")] = None,
    potential: Annotated[str | None, option("auto, twist, naive or none.")] = None,
    tempering: Tempering = None,
    dynamics: Dynamics = None,
    initial: Annotated[str | None, option(f"Mean of the state before the first observation: 1,2,3, {NUMBERS}.")] = None,
    initial_variance: InitialVariance = None,
    observe_noise: ObserveNoise = None,
    coordinates: Annotated[str | None, option("Of the state, those that are seen: 0,2. Default: all.")] = None,
    observations: Observations = None,
    expected: Annotated[int | None, option("How many observations there will be.")] = None,
    filter: Filter = None,
    output: Annotated[list[str] | None, option("mean, std, quantiles, log_evidence, samples. Repeatable.")] = None,
    quantile: Annotated[list[float] | None, option("A level, for --output quantiles. Repeatable.")] = None,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    abs_tol: AbsTol = None,
    rel_tol: RelTol = None,
    deadline: Deadline = None,
    level: Annotated[float | None, option("Confidence level. Default: 0.95.")] = None,
    interval: Annotated[str | None, option("stream, fixed (only at the end) or open.")] = None,
    simultaneous: Simultaneous = None,
    seed: Annotated[int | None, option("Seed of the simulation. Default: drawn by the service.")] = None,
    spec: Annotated[str | None, option("A spec as JSON file (- for stdin); other options go over it.")] = None,
    as_json: AsJson = False,
    no_wait: NoWait = False,
    local: Here = False,
) -> None:
    """Sample a diffusion prior given an observation, a reward or a class."""
    given: dict[str, Any] = {name: value for name, value in locals().items() if name != "context"}
    _start(context, given)


def _start(context: typer.Context, given: dict[str, Any]) -> None:
    client: Burnish = go_local(context) if given["local"] else context.obj
    planning = context.parent is not None and context.parent.info_name == "plan"
    if given["no_wait"] and is_local(client) and not planning:
        raise BadOption("--no-wait leaves the job to a server, and with --local there is none")

    def array(path: Path) -> str:
        return client.upload_array(_file(path)).id

    def model(path: Path) -> str:
        return client.upload_model(_file(path)).id

    spec = cli_posterior_spec.build(given, array, model)
    if planning:
        return show_plan(client.plan(spec), given["as_json"])
    return cli_jobs.started(client.submit(spec), given["as_json"], given["no_wait"])


def _file(path: Path) -> Path:
    if not path.is_file():
        raise BadOption(f"{path}: no such file")
    return path
