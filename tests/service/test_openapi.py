"""The OpenAPI document: reviewed when it changes, true to the live service, and its examples can be posted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnish_service import openapi
from burnish_workers.kinds.surrogate.examples import EXAMPLES

from .alone import Closed
from .harness import Service, in_memory, serving

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
UPDATE = "python -m burnish_service.openapi > docs/openapi.json"


@pytest.fixture(scope="module")
def live() -> Iterator[Service]:
    parts = in_memory()
    parts.fleet = lambda: Closed(1)
    with serving(parts) as service:
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
    shipped, tests = {"posterior", "reasoning", "surrogate"}, {"correlated", "hungry", "tracking", "walk"}
    assert {kind["name"] for kind in kinds} == shipped | tests
    for kind in kinds:
        for example in kind["examples"]:
            assert live.post(example).status_code == 202, example
