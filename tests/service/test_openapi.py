"""The OpenAPI document: reviewed when it changes, true to the live service, and its examples can be posted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from burnish_service import openapi
from burnish_workers.engine.api_keys import minted
from burnish_workers.engine.fleet import InlineFleet, NoSuchClass
from burnish_workers.kinds.surrogate.examples import EXAMPLES

from .harness import Service, in_memory, serving

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
UPDATE = "python -m burnish_service.openapi > docs/openapi.json"


class Closed(InlineFleet):
    """A fleet without workers: jobs are accepted and wait."""

    async def numeric_class(self) -> str:
        raise NoSuchClass("there are no workers")

    async def start(self) -> None: ...


@pytest.fixture(scope="module")
def live() -> Iterator[Service]:
    parts = in_memory()
    parts.fleet = lambda: Closed(1)
    with serving(parts) as service:
        yield service


@pytest.fixture(scope="module")
def keyed() -> Iterator[Service]:
    """One with a key for everything: an open service closes with the first key that is made."""
    key = minted()
    parts = in_memory(api_keys=f"ops:submit+read+admin={key.text}")
    parts.fleet = lambda: Closed(1)
    with serving(parts) as service:
        service.client.headers["Authorization"] = f"Bearer {key.text}"
        yield service


def test_the_document_is_the_reviewed_one() -> None:
    assert openapi.text() == SNAPSHOT.read_text(), f"if the change is meant, run: {UPDATE}"


def test_the_service_shows_the_same_document(live: Service) -> None:
    assert live.client.get("/openapi.json").json() == json.loads(SNAPSHOT.read_text())


def test_every_reference_leads_somewhere() -> None:
    document = json.loads(SNAPSHOT.read_text())

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (str(value) for name, value in node.items() if name == "$ref")
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in set(references(document)):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_bodies_need_no_field_that_has_a_default() -> None:
    schemas = json.loads(SNAPSHOT.read_text())["components"]["schemas"]
    assert set(schemas["Equation"]["required"]) == {"dim", "horizon", "diffusion", "terminal"}
    assert set(schemas["SurrogateSpec"]["required"]) == {"kind", "problem", "points", "budget"}


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_can_be_posted(live: Service, example: dict[str, Any]) -> None:
    assert live.post(example).status_code == 202


def test_the_examples_of_every_kind_can_be_posted(live: Service) -> None:
    kinds = live.client.get("/v1/kinds").json()["data"]
    assert {kind["name"] for kind in kinds} == {"correlated", "posterior", "reasoning", "surrogate", "tracking", "walk"}
    for kind in kinds:
        for example in kind["examples"]:
            assert live.post(example).status_code == 202, example


OPERATIONS = [
    f"{method.upper()} {path}" for path, item in json.loads(SNAPSHOT.read_text())["paths"].items() for method in item
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_the_answers_are_as_documented(keyed: Service, name: str, mode: GenerationMode) -> None:
    """Requests drawn from the document, and such as break it: no 5xx, documented codes, types and schemas."""
    document = schemathesis.openapi.from_dict(json.loads(SNAPSHOT.read_text()))
    method, path = name.split()
    operation = document[path][method]
    load_all_checks()
    checks = [CHECKS.get_one(check) for check in CHECKED]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.headers or operation.body):
        return  # there is nothing to get wrong
    job, headers = keyed.create(EXAMPLES[0])["id"], {"Authorization": keyed.client.headers["Authorization"]}

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def sent(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and "{job}" in path:
            case.path_parameters = {**(case.path_parameters or {}), "job": job}
        case.call_and_validate(base_url=keyed.url, headers=headers, checks=checks, timeout=30)

    sent()
