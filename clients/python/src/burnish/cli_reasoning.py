"""`burnish run reasoning` and `burnish plan reasoning`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from burnish import cli_jobs, cli_reasoning_spec
from burnish.cli_base import (
    AbsTol,
    AsJson,
    Deadline,
    GpuSeconds,
    Here,
    NoWait,
    RelTol,
    Seconds,
    Tokens,
    Units,
    VerifierCalls,
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

Method = Annotated[
    str | None,
    option(
        "mh_backtracking, parallel_tempering, pimh; to compare: best_of_n, weighted_majority, self_consistency, beam, "
        "particle_filter, particle_filter_its, vgb, suffix_regeneration, search."
    ),
]

PromptFile = Annotated[
    str | None, option("The prompt as a file, or as JSON a list of messages, role and content. -: stdin.")
]
AnswerBy = Annotated[
    str | None, option("What an end answers: count or subset of --numbers; number, text or last_step of a model.")
]
AnswerPattern = Annotated[str | None, option("Or what a regular expression finds last in the text: its first group.")]
Verifier = Annotated[str | None, option("Values of unfinished chains: own (what the problem brings) or constant.")]
Answers = Annotated[
    list[str] | None, option("Whose chance is estimated. Repeatable. Default: those that the pilot meets.")
]
EarlyStop = Annotated[bool | None, typer.Option("--early-stop", help="Stop when the leading answer is decided.")]
Simultaneous = Annotated[
    bool | None,
    typer.Option("--simultaneous/--per-output", help="Intervals for all answers together, or each on its own."),
]


@run_app.command("reasoning")
@plan_app.command("reasoning")
def run_reasoning(
    context: typer.Context,
    model: Annotated[str | None, option("A language model: a name of the catalogue, or as --server names it.")] = None,
    server: Annotated[
        str | None, option("An OpenAI-compatible server that has it: its URL up to and with /v1.")
    ] = None,
    prompt: Annotated[str | None, option("What the model goes on from.")] = None,
    prompt_file: PromptFile = None,
    stop: Annotated[list[str] | None, option("A step ends behind this text; \\n is a new line. Repeatable.")] = None,
    step_tokens: Annotated[int | None, option("A step of so many tokens ends there.")] = None,
    temperature: Annotated[float | None, option("Of the model. Default: 1.")] = None,
    top_p: Annotated[float | None, option("Of the model. Default: 1.")] = None,
    api: Annotated[str | None, option("completions or chat, for --server.")] = None,
    continues: Annotated[str | None, option("How chat goes on from steps: prefill or message.")] = None,
    numbers: Annotated[str | None, option("Choose among these numbers, 17,92,45,..., two at a step.")] = None,
    target: Annotated[int | None, option("What the chosen numbers add up to.")] = None,
    tree: Annotated[str | None, option("An explicit tree: a .json file, see `burnish kinds reasoning`.")] = None,
    answer_by: AnswerBy = None,
    answer_pattern: AnswerPattern = None,
    method: Method = None,
    beta: Annotated[float | None, option("Temperature of the tilt, tau^(1/beta). Default: 1.")] = None,
    ladder: Annotated[str | None, option("Hotter betas, ascending: 2,4,8, for --method parallel_tempering.")] = None,
    chains: Annotated[int | None, option("Independent chains. Default: 16.")] = None,
    together: Annotated[int | None, option("Chains that share the batches of one lane. Default: resolved.")] = None,
    pool: Annotated[int | None, option("Candidates of a step. Default: resolved.")] = None,
    particles: Annotated[int | None, option("Particles of a filter. Default: resolved.")] = None,
    max_steps: Annotated[int | None, option("A chain of so many steps is finished.")] = None,
    verifier: Verifier = None,
    floor: Annotated[float | None, option("Least value of an unfinished chain. Default: 0.0001.")] = None,
    answer: Answers = None,
    most_answers: Annotated[int | None, option("Up to so many are taken from the pilot. Default: 8.")] = None,
    early_stop: EarlyStop = None,
    seconds: Seconds = None,
    worker_seconds: WorkerSeconds = None,
    gpu_seconds: GpuSeconds = None,
    units: Units = None,
    tokens: Tokens = None,
    verifier_calls: VerifierCalls = None,
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
    """Sample chains of reasoning that back up where steps do not hold; the chances of their answers."""
    given: dict[str, Any] = {name: value for name, value in locals().items() if name != "context"}
    client: Burnish = go_local(context) if local else context.obj
    planning = context.parent is not None and context.parent.info_name == "plan"
    if no_wait and is_local(client) and not planning:
        raise BadOption("--no-wait leaves the job to a server, and with --local there is none")
    asked = cli_reasoning_spec.build(given)
    if planning:
        return show_plan(client.plan(asked), as_json)
    return cli_jobs.started(client.submit(asked), as_json, no_wait)
