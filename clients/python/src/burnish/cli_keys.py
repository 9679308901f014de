"""Commands for administrators: API keys and quotas."""

from __future__ import annotations

from typing import Annotated

import typer

from burnish import wire
from burnish.cli_base import AsJson, app, columns, ndjson, option

keys_app = typer.Typer(help="API keys: make, list, rotate, revoke (scope admin).", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Id = Annotated[str, typer.Argument(metavar="ID", help="The public part of a key, between bk_ and the secret.")]
Limit = Annotated[int | None, typer.Option(min=0, show_default=False)]


@keys_app.command()
def create(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(help="Whose it is.")],
    scope: Annotated[list[str] | None, option("submit, read or admin; repeat it. Default: submit and read.")] = None,
    name: Annotated[str, option("For you to know it by.")] = "",
    days: Annotated[int | None, option("After so many it expires. Default: never.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once: a hash is kept."""
    asked = wire.NewKey.model_validate(
        {"tenant": tenant, "name": name, "days": days, **({"scopes": scope} if scope else {})}
    )
    _issued(context.obj.admin.create_key(tenant, scopes=asked.scopes, name=name, days=days), as_json)


@keys_app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """All keys, newest first, without their secrets."""
    found: list[wire.ApiKey] = context.obj.admin.list_keys()
    if as_json:
        ndjson(found)
        return
    rows = [(k.id, k.tenant, "+".join(k.scopes), k.created_at or k.source, _state(k), k.name) for k in found]
    columns(("ID", "TENANT", "SCOPES", "CREATED", "STATE", "NAME"), rows)


@keys_app.command()
def rotate(
    context: typer.Context,
    id: Id,
    overlap: Annotated[int, typer.Option(help="Seconds for which the old secret is good as well.", min=0)] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret, which is printed once."""
    _issued(context.obj.admin.rotate_key(id, overlap=overlap), as_json)


@keys_app.command()
def revoke(context: typer.Context, id: Id) -> None:
    """From now on the key opens nothing."""
    context.obj.admin.revoke_key(id)
    typer.echo(f"{id} is revoked")


@app.command()
def quota(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Argument(help="Default: that of your key.", show_default=False)] = None,
    jobs: Limit = None,
    units: Limit = None,
    bytes: Limit = None,
    reset: Annotated[bool, option("Back to the usual limits.", "--reset")] = False,
    as_json: AsJson = False,
) -> None:
    """What a tenant may have, and has. With limits, set them (scope admin): those left out are none."""
    admin = context.obj.admin
    if tenant is not None and reset:
        admin.reset_quota(tenant)
    limited = any(limit is not None for limit in (jobs, units, bytes))
    if tenant is None and (limited or reset):
        raise typer.BadParameter("name the tenant whose limits you change")
    if tenant is not None and limited:
        found: wire.QuotaUse = admin.set_quota(tenant, jobs=jobs, units=units, bytes=bytes)
    else:
        found = admin.quota(tenant)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    limits = found.limits
    pairs = (("live jobs", found.jobs, limits.jobs), ("units today", found.units, limits.units))
    rows = [
        (name, f"{has:,.0f}", "no limit" if most is None else f"{most:,}")
        for name, has, most in (*pairs, ("bytes of uploads", found.bytes, limits.bytes))
    ]
    columns((f"TENANT {found.tenant}", "HAS", "MAY HAVE"), rows)


def _issued(issued: wire.IssuedKey, as_json: bool) -> None:
    if as_json:
        typer.echo(issued.model_dump_json())
        return
    until = f"; the old secret is good until {issued.previous_until}" if issued.previous_until else ""
    typer.echo(issued.key)
    typer.echo(f"key {issued.id} of tenant {issued.tenant}, shown this once: BURNISH_API_KEY takes it{until}", err=True)


def _state(key: wire.ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return f"until {key.expires_at}" if key.expires_at else "good"
