"""Commands for uploads: models and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from burnish import calls, local, wire
from burnish.cli_base import FAILED, AsJson, app, columns, ndjson, option
from burnish.cli_spec import Asked, BadOption
from burnish.client import Burnish

_SENT = ("surrogate_file", "points_file")
OPTIONS = frozenset({*Asked.__slots__, *_SENT})
"""Options that make up a spec, and those that name files to upload for it."""


def is_local(client: Burnish | None) -> bool:
    """Whether the service lives in this process."""
    return client is not None and client.base_url == local.BASE_URL


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
    files: Annotated[list[str], typer.Argument(help="Model files (.pt2, .safetensors), or arrays with --array.")],
    array: Annotated[bool, option("They are arrays: .npy or safetensors.", "--array")] = False,
    no_wait: Annotated[bool, option("Do not wait until models have been tried.", "--no-wait")] = False,
    as_json: AsJson = False,
) -> None:
    """Upload models or arrays. Prints their ids, which jobs can name."""
    client: Burnish = context.obj
    for name in files:
        path = _path(name)
        if not array and not as_json:
            typer.echo(f"{name}: checking ...", err=True)
        stored = client.upload_array(path) if array else client.upload_model(path, wait=None if no_wait else 120.0)
        typer.echo(stored.model_dump_json() if as_json else stored.id)


@app.command()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List uploaded models, newest first."""
    _listed(list(context.obj.models(limit=100).data), as_json)


@app.command()
def arrays(context: typer.Context, as_json: AsJson = False) -> None:
    """List uploaded arrays, newest first."""
    _listed(list(context.obj.arrays(limit=100).data), as_json)


@app.command()
def forget(context: typer.Context, ids: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Delete jobs (job_...) that have ended, or uploads (sha256:...) that no job names."""
    client: Burnish = context.obj
    for id in ids:
        if id.startswith("sha256:"):
            _forget_upload(client, id)
        else:
            client.delete(id)
        typer.echo(f"{id} deleted")


def _forget_upload(client: Burnish, id: str) -> None:
    kinds: tuple[wire.FileType, ...] = ("model", "array")
    for type in kinds:
        page = client._do(calls.files(type, 200))  # pyright: ignore[reportPrivateUsage]
        if any(file.id == id for file in page.data):
            client._do(calls.delete_file(type, id))  # pyright: ignore[reportPrivateUsage]
            return
    raise BadOption(f"no upload has the id {id}")


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


__all__ = ["FAILED", "is_local", "sent"]
