"""Commands about webhooks: who is told when jobs end, and what came of it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from burnish import wire
from burnish.cli_base import AsJson, app, columns, ndjson, option
from burnish.client import Burnish

webhooks_app = typer.Typer(
    help="Webhooks: be told when jobs end. Make, list, test, rotate, delete; see what came of messages.",
    no_args_is_help=True,
)
app.add_typer(webhooks_app, name="webhooks")

PATIENCE = 20.0
"""Seconds for which `test` waits: a try may take 15."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the webhook, wh_...")]


@webhooks_app.command()
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Of a server that the operator allows.")],
    event: Annotated[list[str] | None, option("job.completed, ...; repeat it. Default: however a job ends.")] = None,
    description: Annotated[str, option("For you to know it by.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a webhook. Its secret is printed once: messages are signed with it."""
    asked = wire.NewWebhook.model_validate({"url": url, **({"events": event} if event else {})})
    _issued(context.obj.webhooks.create(url, events=asked.events, description=description), as_json)


@webhooks_app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """All webhooks, newest first."""
    found: list[wire.Webhook] = context.obj.webhooks.list()
    if as_json:
        ndjson(found)
        return
    rows = [(w.id, w.url, _events(w), w.disabled_why or "enabled", w.description) for w in found]
    columns(("ID", "URL", "EVENTS", "STATE", "DESCRIPTION"), rows)


@webhooks_app.command()
def deliveries(
    context: typer.Context,
    id: Id,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """The last messages to a webhook, newest first: whether they came, and why not."""
    found: list[wire.WebhookDelivery] = context.obj.webhooks.deliveries(id, limit=limit)
    if as_json:
        ndjson(found)
        return
    rows = [(d.id, d.type, d.state, str(d.attempts), d.next_at or "-", d.error or "-") for d in found]
    columns(("MESSAGE", "TYPE", "STATE", "TRIES", "NEXT TRY", "WHAT WENT WRONG"), rows)


@webhooks_app.command("test")
def try_(context: typer.Context, id: Id, as_json: AsJson = False) -> None:
    """Send a webhook a message now, and say what came of it. Exit code 1 if it did not come through."""
    told = _settled(context.obj, id, context.obj.webhooks.test(id))
    if as_json:
        typer.echo(told.model_dump_json())
    else:
        typer.echo(f"{told.id}: {told.state}" + (f", {told.error}" if told.error else ""))
    if told.state != "delivered":
        raise typer.Exit(1)


@webhooks_app.command()
def rotate(
    context: typer.Context,
    id: Id,
    overlap: Annotated[int, typer.Option(help="Seconds for which the old secret signs as well.", min=0)] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Give a webhook a new secret, which is printed once."""
    _issued(context.obj.webhooks.rotate(id, overlap=overlap), as_json)


@webhooks_app.command()
def enable(context: typer.Context, id: Id) -> None:
    """Send to a webhook again that answered 410 Gone."""
    context.obj.webhooks.enable(id)
    typer.echo(f"{id} is enabled")


@webhooks_app.command()
def retry(
    context: typer.Context, id: Id, message: Annotated[str, typer.Argument(help="Its id, as `deliveries` shows it.")]
) -> None:
    """Send a message that was delivered or given up once more."""
    typer.echo(f"{context.obj.webhooks.retry(id, message).id} is sent again")


@webhooks_app.command()
def delete(context: typer.Context, id: Id) -> None:
    """Remove a webhook, with all that it was still to be told."""
    context.obj.webhooks.delete(id)
    typer.echo(f"{id} is deleted")


def _settled(client: Burnish, id: str, told: wire.WebhookDelivery) -> wire.WebhookDelivery:
    """The message once it was tried, or as it is after some seconds."""
    deadline = time.monotonic() + PATIENCE
    while told.state == "waiting" and time.monotonic() < deadline:
        time.sleep(0.2)
        told = next((each for each in client.webhooks.deliveries(id, limit=200) if each.id == told.id), told)
    return told


def _issued(issued: wire.IssuedWebhook, as_json: bool) -> None:
    if as_json:
        typer.echo(issued.model_dump_json())
        return
    until = f"; the old secret signs as well until {issued.previous_until}" if issued.previous_until else ""
    typer.echo(issued.secret)
    typer.echo(f"webhook {issued.id} to {issued.url}; its secret is shown this once{until}", err=True)


def _events(webhook: wire.Webhook) -> str:
    return "+".join(event.removeprefix("job.") for event in webhook.events)
