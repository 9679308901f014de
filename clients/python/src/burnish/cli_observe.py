"""The command that gives a job its next observations."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from burnish import wire
from burnish.calls import Vector
from burnish.cli_base import AsJson, JobId, app, option
from burnish.cli_spec import BadOption
from burnish.client import Burnish
from burnish.wire.observations import MOST_AT_ONCE

NOTHING = frozenset({"", "null", "nan", "none", "-"})
"""Words for what was not seen: a component, or a whole observation."""


@app.command(context_settings={"ignore_unknown_options": True})  # so that -1.2 is a number, not an option
def observe(
    context: typer.Context,
    job: JobId,
    numbers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[Y]...", help="The numbers of one observation; `null` for one not seen."),
    ] = None,
    file: Annotated[
        str | None,
        option("An observation a line, by blanks or commas; an empty line: nothing seen. Or JSON. -: stdin."),
    ] = None,
    missing: Annotated[bool, option("Nothing was seen this time.", "--missing")] = False,
    index: Annotated[int | None, option("Of the first. Default: after those that the job has.")] = None,
    last: Annotated[bool, option("None comes after this; alone: none comes any more.", "--last")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a job its next observation, or all of a file. The same again under the same index changes nothing."""
    given = sum((bool(numbers), file is not None, missing))
    if given > 1 or not (given or last):
        raise BadOption("give the numbers of an observation, or --file, or --missing; or --last alone")
    observations = _listed(numbers, file, missing)
    client: Burnish = context.obj
    start = _start(client, job) if index is None else index
    for first in range(0, max(len(observations), 1), MOST_AT_ONCE):
        part = observations[first : first + MOST_AT_ONCE]
        ends = last and first + len(part) == len(observations)
        taken = client.observe(job, part, start=start + first, last=ends)
        typer.echo(taken.model_dump_json() if as_json else _said(taken, start + first, len(part)))


def _start(client: Burnish, job: str) -> int:
    known = client.get(job).snapshot.observations
    return known.count if known else 0


def _listed(numbers: list[str] | None, file: str | None, missing: bool) -> list[Vector | None]:
    if numbers:
        return [[_number(word, "the observation") for word in numbers]]
    if missing:
        return [None]
    return [] if file is None else list(read(file))


def read(file: str) -> Iterator[Vector | None]:
    """The observations of a file; - is standard input."""
    if file != "-" and not Path(file).is_file():
        raise BadOption(f"{file}: no such file")
    text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    if text.lstrip().startswith("["):
        yield from _from_json(text, file)
        return
    for row, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        nothing = len(words) <= 1 and "".join(words).lower() in NOTHING
        yield None if nothing else [_number(word, f"{file}, line {row}") for word in words]


def _from_json(text: str, file: str) -> list[Vector | None]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadOption(f"{file} is not JSON: {error}") from None
    if not isinstance(found, list):
        raise BadOption(f"{file} holds no list of observations")
    return [cast("Vector", each) if isinstance(each, list | None) else [each] for each in cast("list[Any]", found)]


def _number(word: str, where: str) -> float | None:
    if word.lower() in NOTHING:
        return None
    try:
        return float(word)
    except ValueError:
        if word.startswith("-"):
            raise BadOption(f"No such option: {word}") from None
        raise BadOption(f"{where}: {word!r} is no number; write null for what was not seen") from None


def _said(taken: wire.Observed, first: int, count: int) -> str:
    which = f"observation {first}" if count == 1 else f"observations {first} to {first + count - 1}"
    stands = taken.observations
    what = f"{which} {'known already' if taken.replayed else 'taken'}" if count else "closed"
    return f"{taken.job_id}: {what}, {stands.count} in all{', none will come any more' if stands.closed else ''}"
