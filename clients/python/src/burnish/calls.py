"""Endpoints as values: what to send, and how to read the answer. No I/O, so both clients share every line of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from burnish import errors, retries, wire

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
JSON = "application/json"

Vector = list[float | None]
"""The numbers of an observation; None for a component that was not seen."""

Spec = wire.SpecBase | wire.UnknownSpec | Mapping[str, Any]
"""What `submit` takes: a typed spec, or its JSON as a mapping."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, but for the address and the API key."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return self.method != "POST" or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request together with the reader of its answer."""

    request: Request
    read: Callable[[httpx2.Response], T]

    def answer(self, response: httpx2.Response) -> T:
        """The answer, read.

        Raises `StatusError` for an error, `UnexpectedAnswer` for an answer that is not what the contract says.
        """
        if response.status_code >= 400:
            raise failure(response)
        try:
            return self.read(response)
        except ValidationError as error:
            where = f"{self.request.method} {self.request.path}"
            raise errors.UnexpectedAnswer(
                f"the answer to {where} ({response.status_code}, "
                f"{response.headers.get('content-type', 'no content type')}) is not what this SDK expects; is it "
                f"burnish that answers there, and in a version that fits? {error}",
                status=response.status_code,
            ) from error


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """One page as it came; `next` is what to pass as `after`."""

    data: list[T]
    has_more: bool
    next: str | int | None


def failure(response: httpx2.Response) -> errors.StatusError:
    """The error that an answer with a status of 400 or more stands for."""
    return errors.from_reply(
        response.status_code,
        response.content,
        request_id=response.headers.get("x-request-id"),
        retry_after=retries.retry_after(response.headers, datetime.now(UTC)),
    )


def create(spec: Spec, idempotency_key: str | None = None) -> Call[wire.Job]:
    return Call(_post("/v1/jobs", _body(spec), idempotency_key), _model(wire.Job))


def job(job_id: str) -> Call[wire.Job]:
    return Call(_get(_job_path(job_id)), _model(wire.Job))


def jobs(
    limit: int | None = None, after: str | None = None, status: str | None = None, kind: str | None = None
) -> Call[Sheet[wire.Job]]:
    request = _get("/v1/jobs", limit=limit, after=after, status=status, kind=kind)
    return Call(request, lambda r: _sheet(wire.JobPage.model_validate_json(r.content)))


def events(job_id: str, after: int = 0, limit: int | None = None) -> Call[Sheet[wire.Event]]:
    request = _get(_job_path(job_id, "events"), after=after, limit=limit)
    return Call(request, lambda r: _sheet(wire.EventPage.model_validate_json(r.content)))


def refinements(job_id: str, after: int = 0, limit: int | None = None) -> Call[Sheet[wire.Refinement]]:
    """Refinements, out of a page of the events that carried them."""

    def read(response: httpx2.Response) -> Sheet[wire.Refinement]:
        page = wire.EventPage.model_validate_json(response.content)
        data = [wire.Refinement.model_validate(event.data) for event in page.data if event.type == "refinement"]
        return Sheet(data, page.has_more, page.next)

    return Call(_get(_job_path(job_id, "refinements"), after=after, limit=limit), read)


def stream(job_id: str, after: int = 0, *, latest: bool = False) -> Request:
    """The request that opens the stream of events; `after` also resumes it; `latest`: refinements may be skipped."""
    resume = {"Last-Event-ID": str(after)} if after else {}
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", **resume}
    return Request("GET", _job_path(job_id, "events"), {"latest": "true"} if latest else {}, headers)


def extend(job_id: str, more: wire.Budget, idempotency_key: str | None = None) -> Call[wire.Job]:
    return Call(_post(_job_path(job_id, "budget"), _body(more), idempotency_key), _model(wire.Job))


def observe(job_id: str, start: int, observations: Sequence[Any], *, last: bool) -> Call[wire.Observed]:
    """By their indices: sending them again changes nothing."""
    listed = [vector(observation) for observation in observations]
    body = _body({"from": start, "observations": listed, **({"last": True} if last else {})})
    return Call(_post(_job_path(job_id, "observations"), body, None), _model(wire.Observed))


def observations(job_id: str, after: int | None = None, limit: int | None = None) -> Call[Sheet[Vector | None]]:
    request = _get(_job_path(job_id, "observations"), after=after, limit=limit)
    return Call(request, lambda r: _sheet(wire.ObservationPage.model_validate_json(r.content)))


def vector(observation: Any) -> Vector | None:
    """An observation as it is sent: a number, a sequence of them or an array; None, and nan, where nothing was seen."""
    plain = observation.tolist() if hasattr(observation, "tolist") else observation
    if plain is None:
        return None
    numbers: Sequence[Any] = [plain] if isinstance(plain, int | float) else plain
    return [None if value is None or value != value else value for value in numbers]


def cancel(job_id: str) -> Call[wire.Job]:
    return Call(_post(_job_path(job_id, "cancel"), None, None), _model(wire.Job))


def ledger(job_id: str, after: int | None = None, limit: int | None = None) -> Call[Sheet[wire.LedgerRow]]:
    request = _get(_job_path(job_id, "ledger"), after=after, limit=limit)
    return Call(request, lambda r: _sheet(wire.LedgerPage.model_validate_json(r.content)))


def artifact(job_id: str, name: str) -> Call[bytes]:
    path = _job_path(job_id, "artifacts", quote(name, safe=""))
    return Call(Request("GET", path, {}, {"Accept": "*/*"}), lambda r: r.content)


def resume(job_id: str) -> Call[wire.Job]:
    return Call(_post(_job_path(job_id, "resume"), None, None), _model(wire.Job))


def delete(job_id: str) -> Call[None]:
    return Call(Request("DELETE", _job_path(job_id), {}, {"Accept": JSON}), lambda r: None)


def plan(spec: Spec) -> Call[wire.Plan | wire.Job]:
    """The plan, or the job that will end with it."""
    return Call(_post("/v1/plan", _body(spec), None), _now_or_later(wire.Plan))


def verify(job_id: str, blocks: int | None, indices: Sequence[int] | None) -> Call[wire.Verification | wire.Job]:
    """The verdict, or the job that will end with it."""
    given = {"blocks": blocks, "indices": None if indices is None else list(indices)}
    body = _body({name: value for name, value in given.items() if value is not None})
    return Call(_post(_job_path(job_id, "verify"), body, None), _now_or_later(wire.Verification))


def usage(days: int | None = None) -> Call[wire.Usage]:
    return Call(_get("/v1/usage", days=days), _model(wire.Usage))


def cluster() -> Call[wire.ClusterView]:
    return Call(_get("/v1/cluster"), _model(wire.ClusterView))


def canaries() -> Call[wire.Canaries]:
    return Call(_get("/v1/canaries"), _model(wire.Canaries))


def forecast(request: wire.ScalingRequest) -> Call[wire.ScalingLaw]:
    """Stateless: sending it again changes nothing."""
    return Call(_post("/v1/forecast", _body(request), None), _model(wire.ScalingLaw))


def upload(type: wire.FileType, data: bytes) -> Call[wire.StoredFile]:
    """By the digest of its bytes: sending it again changes nothing."""
    path = f"/v1/{type}s/sha256:{hashlib.sha256(data).hexdigest()}"
    headers = {"Accept": JSON, "Content-Type": "application/octet-stream"}
    return Call(Request("PUT", path, {}, headers, data), _model(wire.StoredFile))


def file(type: wire.FileType, id: str) -> Call[wire.StoredFile]:
    return Call(_get(_file_path(type, id)), _model(wire.StoredFile))


def files(type: wire.FileType, limit: int | None = None, after: str | None = None) -> Call[Sheet[wire.StoredFile]]:
    request = _get(f"/v1/{type}s", limit=limit, after=after)
    return Call(request, lambda r: _sheet(wire.FilePage.model_validate_json(r.content)))


def delete_file(type: wire.FileType, id: str) -> Call[None]:
    return Call(Request("DELETE", _file_path(type, id), {}, {"Accept": JSON}), lambda r: None)


def create_key(asked: wire.NewKey) -> Call[wire.IssuedKey]:
    """Not sent twice: a key whose answer was lost is of no use to anybody."""
    return Call(_once("/v1/keys", asked), _model(wire.IssuedKey))


def keys() -> Call[wire.ApiKeys]:
    return Call(_get("/v1/keys"), _model(wire.ApiKeys))


def key(id: str) -> Call[wire.ApiKey]:
    return Call(_get(_named("keys", id)), _model(wire.ApiKey))


def rotate_key(id: str, asked: wire.RotateKey) -> Call[wire.IssuedKey]:
    """Not sent twice: the secret of the first time would have no overlap."""
    return Call(_once(_named("keys", id, "rotate"), asked), _model(wire.IssuedKey))


def revoke_key(id: str) -> Call[None]:
    return Call(Request("DELETE", _named("keys", id), {}, {"Accept": JSON}), lambda r: None)


def quota(tenant: str | None) -> Call[wire.QuotaUse]:
    return Call(_get("/v1/quotas" if tenant is None else _named("quotas", tenant)), _model(wire.QuotaUse))


def set_quota(tenant: str, limits: wire.TenantQuota) -> Call[wire.QuotaUse]:
    headers = {"Accept": JSON, "Content-Type": JSON}
    return Call(Request("PUT", _named("quotas", tenant), {}, headers, _body(limits)), _model(wire.QuotaUse))


def reset_quota(tenant: str) -> Call[None]:
    return Call(Request("DELETE", _named("quotas", tenant), {}, {"Accept": JSON}), lambda r: None)


def create_webhook(url: str, events: Sequence[wire.WebhookEvent] | None, description: str) -> Call[wire.IssuedWebhook]:
    """Not sent twice: one whose secret was lost is of no use to anybody."""
    chosen = {} if events is None else {"events": list(events)}
    asked = {"url": url, "description": description, **chosen}
    return Call(_once("/v1/webhooks", asked), _model(wire.IssuedWebhook))


def webhooks() -> Call[wire.WebhookList]:
    return Call(_get("/v1/webhooks"), _model(wire.WebhookList))


def webhook(id: str) -> Call[wire.Webhook]:
    return Call(_get(_named("webhooks", id)), _model(wire.Webhook))


def delete_webhook(id: str) -> Call[None]:
    return Call(Request("DELETE", _named("webhooks", id), {}, {"Accept": JSON}), lambda r: None)


def rotate_webhook(id: str, asked: wire.RotateWebhook) -> Call[wire.IssuedWebhook]:
    """Not sent twice: the secret of the first time would have no overlap."""
    return Call(_once(_named("webhooks", id, "rotate"), asked), _model(wire.IssuedWebhook))


def enable_webhook(id: str) -> Call[wire.Webhook]:
    return Call(_once(_named("webhooks", id, "enable")), _model(wire.Webhook))


def test_webhook(id: str) -> Call[wire.WebhookDelivery]:
    return Call(_once(_named("webhooks", id, "test")), _model(wire.WebhookDelivery))


def deliveries(id: str, limit: int) -> Call[wire.WebhookDeliveries]:
    return Call(_get(_named("webhooks", id, "deliveries"), limit=limit), _model(wire.WebhookDeliveries))


def retry_delivery(id: str, message: str) -> Call[wire.WebhookDelivery]:
    return Call(_once(_named("webhooks", id, "deliveries", message, "retry")), _model(wire.WebhookDelivery))


def kinds() -> Call[list[wire.KindInfo]]:
    return Call(_get("/v1/kinds"), lambda r: wire.Kinds.model_validate_json(r.content).data)


def kind(name: str) -> Call[wire.KindInfo]:
    return Call(_get(f"/v1/kinds/{quote(name, safe='')}"), _model(wire.KindInfo))


def catalogue() -> Call[list[wire.CatalogueEntry]]:
    return Call(_get("/v1/catalogue"), lambda r: wire.Catalogue.model_validate_json(r.content).data)


def health() -> Call[bool]:
    return Call(_get("/healthz"), lambda r: r.is_success)


def ready() -> Call[bool]:
    return Call(_get("/readyz"), lambda r: r.is_success)


def _get(path: str, **params: str | int | None) -> Request:
    given = {name: str(value) for name, value in params.items() if value is not None}
    return Request("GET", path, given, {"Accept": JSON})


def _post(path: str, body: bytes | None, idempotency_key: str | None) -> Request:
    """The key is minted here, once per call: every retry sends this same request."""
    headers = {"Accept": JSON, "Idempotency-Key": idempotency_key or f"sdk-{uuid.uuid4()}"}
    if body is not None:
        headers["Content-Type"] = JSON
    return Request("POST", path, {}, headers, body)


def _once(path: str, body: BaseModel | Mapping[str, Any] | None = None) -> Request:
    """A POST that no retry repeats."""
    if body is None:
        return Request("POST", path, {}, {"Accept": JSON})
    return Request("POST", path, {}, {"Accept": JSON, "Content-Type": JSON}, _body(body))


def _named(what: str, name: str, *more: str) -> str:
    if not name:
        raise ValueError(f"the name after /v1/{what}/ is empty")
    return "/".join([f"/v1/{what}", *(quote(part, safe="") for part in (name, *more))])


def _job_path(job_id: str, *more: str) -> str:
    # An empty id would silently ask for the list of jobs.
    if not job_id:
        raise ValueError("the job id is empty")
    return "/".join(["/v1/jobs", quote(job_id, safe=""), *more])


def _file_path(type: wire.FileType, id: str) -> str:
    if not id:
        raise ValueError(f"the id of the {type} is empty")
    return f"/v1/{type}s/{quote(id, safe=':')}"


def _now_or_later(model: type[M]) -> Callable[[httpx2.Response], M | wire.Job]:
    """What takes long is a job by then: 202."""

    def read(response: httpx2.Response) -> M | wire.Job:
        return (wire.Job if response.status_code == 202 else model).model_validate_json(response.content)

    return read


def _body(value: BaseModel | Mapping[str, Any]) -> bytes:
    """JSON without what was not given, so that the server's defaults hold, and without NaN, which JSON has not."""
    plain = value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
    return json.dumps(plain, default=_plain, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """Models inside a mapping, and anything with `tolist` (arrays, tensors), as plain JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON: {value!r}")


def _model(model: type[M]) -> Callable[[httpx2.Response], M]:
    return lambda response: model.model_validate_json(response.content)


def _sheet(
    page: wire.JobPage | wire.EventPage | wire.LedgerPage | wire.FilePage | wire.ObservationPage,
) -> Sheet[Any]:
    return Sheet(list(page.data), page.has_more, page.next)
