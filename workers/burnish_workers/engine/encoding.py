"""How records and events are written down: flat text fields, `None` by absence. Used by every store, so twins agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel

from burnish.wire import TERMINAL, TERMINAL_EVENTS, Budget, Event, Problem, Promise, Refinement, Spent
from burnish_workers.engine.records import Emission, JobRecord
from burnish_workers.engine.schema import MARK, SCHEMA, upgraded

FIXED = frozenset(
    {
        *("id", "kind", "spec", "sequence", "epoch", "budget", "budget_version", "cancel_requested", "purpose"),
        *("request", "given", "expected", "observed", "observed_last", "tenant", "origin"),
    }
)
"""Fields of a record that no emission may change."""


class _Form(NamedTuple):
    """How one field is written and read back."""

    encode: Callable[[Any], str]
    decode: Callable[[str], Any]


def to_json(value: Any) -> str:
    """Compact JSON; raises ValueError on NaN and infinities, which JSON does not have."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _model(cls: type[BaseModel]) -> _Form:
    return _Form(lambda value: value.model_dump_json(), cls.model_validate_json)


def _sparse(cls: type[BaseModel]) -> _Form:
    """Without what is not given: runners of an older version read the budgets of jobs that they hold."""
    return _Form(lambda value: value.model_dump_json(exclude_none=True), cls.model_validate_json)


_TEXT = _Form(str, str)
_INTEGER = _Form(str, int)
_FLAG = _Form(lambda value: "1" if value else "0", lambda text: text == "1")
_JSON = _Form(to_json, json.loads)

_FORMS: dict[str, _Form] = {
    "id": _TEXT,
    "kind": _TEXT,
    "spec": _JSON,
    "budget": _sparse(Budget),
    "created_at": _TEXT,
    "status": _TEXT,
    "stage": _TEXT,
    "resolved": _JSON,
    "started_at": _TEXT,
    "finished_at": _TEXT,
    "spent": _model(Spent),
    "last_refinement": _model(Refinement),
    "stopped_by": _TEXT,
    "error": _model(Problem),
    "resumable": _FLAG,
    "cancel_requested": _FLAG,
    "budget_version": _INTEGER,
    "sequence": _INTEGER,
    "epoch": _INTEGER,
    "checkpoint": _TEXT,
    "closed": _Form(to_json, lambda text: tuple(json.loads(text))),
    "purpose": _TEXT,
    "request": _JSON,
    "outcome": _JSON,
    "fitting": _JSON,
    "given": _INTEGER,
    "expected": _INTEGER,
    "observed": _INTEGER,
    "observed_last": _FLAG,
    "promise": _model(Promise),
    "tenant": _TEXT,
    "origin": _JSON,
}


def encode(values: Mapping[str, Any]) -> dict[str, str]:
    """Fields of a record as text; those that are None are left out."""
    return {name: _FORMS[name].encode(value) for name, value in values.items() if value is not None}


def encode_record(record: JobRecord) -> dict[str, str]:
    return {**encode({name: getattr(record, name) for name in _FORMS}), MARK: str(SCHEMA)}


def decode_record(fields: Mapping[str, str]) -> JobRecord:
    """The record; `refined` among the fields is the number of the last refinement, which is written into it.

    Raises StoredByNewer.
    """
    fields = upgraded(fields)
    values = {name: form.decode(fields[name]) for name, form in _FORMS.items() if name in fields}
    refinement = values.get("last_refinement")
    if refinement is not None:
        known = {"job_id": values["id"], "sequence": int(fields.get("refined", 0))}
        values["last_refinement"] = refinement.model_copy(update=known)
    return JobRecord(**values)


def check_emission(emission: Emission) -> None:
    """Raise ValueError on an emission that would leave the job in a state nobody could get it out of."""
    wrong = sorted(name for name in emission.changes if name in FIXED or name not in _FORMS)
    if wrong:
        allowed = ", ".join(sorted(_FORMS.keys() - FIXED))
        raise ValueError(f"an emission cannot change {', '.join(wrong)}; it may change {allowed}")
    ended = emission.changes.get("status") in TERMINAL
    if ended != emission.ends:
        status = emission.changes.get("status")
        raise ValueError(f"ends={emission.ends} with status {status!r}: exactly the terminal statuses end a job")


def decode_event(job_id: str, sequence: int, type: str, at: float, data: str, refined: int) -> Event:
    """The event as readers see it; refinements get their number here, since it is not known when they are written.

    `at`: seconds since 1970; `refined`: the number of the last refinement up to this event.
    """
    content: dict[str, Any] = json.loads(data)
    if type == "refinement":
        content |= {"sequence": sequence, "job_id": job_id}
    elif type in TERMINAL_EVENTS and isinstance(content.get("last_refinement"), dict):
        content["last_refinement"] |= {"sequence": refined, "job_id": job_id}
    return Event.model_validate({"sequence": sequence, "type": type, "at": rfc3339(at), "data": content})


def rfc3339(at: float) -> str:
    """Seconds since 1970 as `2026-01-31T12:00:00.000Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
