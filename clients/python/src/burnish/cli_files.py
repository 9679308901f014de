"""Commands for uploads: models and arrays. And the one that deletes, jobs as well."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from burnish import files as files_
from burnish import wire
from burnish.cli_base import FAILED, AsJson, app, columns, ndjson, option
from burnish.cli_spec import Asked, BadOption
from burnish.client import Burnish
from burnish.errors import ModelRejected, NotFound

PATIENCE = 120.0
"""Seconds that `upload` waits for the verdict on a model."""

_SENT = ("surrogate_file", "points_file")
OPTIONS = frozenset({*Asked.__slots__, *_SENT})
"""Options that make up a spec, and those that name files to upload for it."""


def sent(client: Burnish, given: dict[str, Any]) -> dict[str, Any]:
    """The options with files uploaded and named by their ids."""
    rest = {name: value for name, value in given.items() if name not in _SENT}
    if "surrogate_file" in given:
        if "surrogate" in given or "surrogate_expression" in given:
            raise BadOption("--surrogate-file brings a model; leave out --surrogate and --surrogate-expression")
        rest["surrogate"] = client.upload_model(_path(given["surrogate_file"])).id
    if "points_file" in given:
        if "points" in given or given.get("x"):
            raise BadOption("--points-file brings points; leave out --points and --x")
        rest["points_id"] = client.upload_array(_path(given["points_file"])).id
    return rest


def _path(name: str) -> Path:
    if not Path(name).is_file():
        raise BadOption(f"{name}: no such file")
    return Path(name)


@app.command()
def upload(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Model files (.pt2, .safetensors), or arrays with --array.")],
    array: Annotated[bool, option("They are arrays: .npy or safetensors.", "--array")] = False,
    no_wait: Annotated[bool, option("Do not wait until models have been tried.", "--no-wait")] = False,
    quiet: Annotated[bool, option("Ids alone: no word on how it goes.", "--quiet", "-q")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload models or arrays. Prints their ids, which jobs can name. Exit code 1 if a model is rejected."""
    client: Burnish = context.obj
    paths = [_path(str(name)) for name in files]
    rejected = False
    for path in paths:
        loud = not (quiet or as_json)
        try:
            stored = client.upload_array(path) if array else client.upload_model(path, wait=None)
            if stored.state == "checking" and not no_wait:
                _tell(loud, path, "checking ...")
                stored = _tried(client, stored)
            _tell(loud, path, stored.state)
        except ModelRejected as error:
            rejected = True
            typer.echo(f"{path}: rejected: {error}", err=True)
        else:
            typer.echo(stored.model_dump_json() if as_json else stored.id)
    if rejected:
        raise typer.Exit(FAILED)


def _tell(loud: bool, path: Path, state: str) -> None:
    if loud:
        typer.echo(f"{path}: {state}", err=True)


def _tried(client: Burnish, stored: wire.StoredFile) -> wire.StoredFile:
    """The verdict on a model. Raises `ModelRejected`, `WaitTimeout`."""
    polling = files_.Polling(stored.id, PATIENCE)
    while stored.state == "checking":
        time.sleep(polling.pause())
        stored = client.model(stored.id)
    return files_.judged(stored)


@app.command()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List uploaded models, newest first."""
    client: Burnish = context.obj
    _listed(list(client.models(limit=100)), as_json)


@app.command()
def arrays(context: typer.Context, as_json: AsJson = False) -> None:
    """List uploaded arrays, newest first."""
    client: Burnish = context.obj
    _listed(list(client.arrays(limit=100)), as_json)


@app.command("forget", hidden=True)
@app.command("delete")
def delete(context: typer.Context, ids: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Delete jobs (job_...) that have ended, or uploads (sha256:...) that no job names."""
    client: Burnish = context.obj
    for id in ids:
        if id.startswith("sha256:"):
            _delete_upload(client, id)
        else:
            client.delete(id)
        typer.echo(f"{id} deleted")


def _delete_upload(client: Burnish, id: str) -> None:
    try:
        client.delete_model(id)
    except NotFound:
        client.delete_array(id)


def _listed(files: list[wire.StoredFile], as_json: bool) -> None:
    if as_json:
        return ndjson(files)
    rows = [(file.id, file.state, f"{file.bytes:,}", _about(file)) for file in files]
    return columns(("ID", "STATE", "BYTES", "ABOUT"), rows)


def _about(file: wire.StoredFile) -> str:
    if file.problem is not None:
        return file.problem.detail
    shapes = file.card.get("arrays", {})
    if shapes:
        return ", ".join(f"{name} {entry['shape']}" for name, entry in shapes.items())
    return f"d = {file.card.get('dim')}, {file.card.get('parameters', 0):,} parameters"
