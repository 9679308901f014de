"""The live service against its OpenAPI document: requests drawn from it, and such as break it, by the thousand."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from burnish_workers.engine.api_keys import minted
from burnish_workers.kinds.surrogate.examples import EXAMPLES

from .alone import Alone, alone
from .test_openapi import SNAPSHOT

EXAMPLES_EACH = int(os.environ.get("BURNISH_CONTRACT_EXAMPLES", "40"))
"""Cases of each operation and mode, where there are so many."""
LEAST = 2_000
"""Cases in all."""
LONGEST = 30.0
"""Seconds for one answer, on machines where much else runs."""
GROWTH = 128.0
"""MiB that the service may grow by in the second half: it keeps the jobs it accepts, and little else."""

LEFT_OUT = {
    "positive_data_acceptance": "more is asked of a job than a schema can say: formulas, models, budgets that fit",
    "use_after_free": "needs links between operations, which the document does not have",
    "ensure_resource_availability": "the same",
}
"""Checks that are not made, and why."""

KEY = minted()


@pytest.fixture(scope="module")
def service() -> Iterator[Alone]:
    with alone(f"ops:submit+read+admin={KEY.text}") as running:
        yield running


def operations() -> Iterator[tuple[str, str, GenerationMode]]:
    for path, item in json.loads(SNAPSHOT.read_text())["paths"].items():
        for method in item:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                yield path, method, mode


def checks() -> list[Any]:
    load_all_checks()
    names = set(CHECKS.get_all_names())
    assert set(LEFT_OUT) <= names, names
    return [CHECKS.get_one(name) for name in sorted(names - set(LEFT_OUT))]


@pytest.mark.slow
def test_thousands_of_requests(service: Alone, record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """No 5xx, documented codes, types and schemas, no way in without a key, no hang, no growth."""
    document = schemathesis.openapi.from_dict(json.loads(Path(SNAPSHOT).read_text()))
    rejected = document.config.checks.negative_data_rejection
    rejected.expected_statuses = [*rejected.expected_statuses, "413"]  # by its size, before it is read
    made, wanted = checks(), list(operations())
    headers, sent, broken = {"Authorization": f"Bearer {KEY.text}"}, Counter[str](), dict[str, str]()
    with httpx2.Client(base_url=service.url, headers=headers, timeout=LONGEST) as client:
        job = client.post("/v1/jobs", json=EXAMPLES[0]).json()["id"]

    def draw(path: str, method: str, mode: GenerationMode) -> None:
        operation = document[path][method]
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.headers or operation.body):
            return  # there is nothing to get wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES_EACH,
            deadline=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and "{job}" in path:
                case.path_parameters = {**(case.path_parameters or {}), "job": job}
            sent[mode.value] += 1
            case.call_and_validate(base_url=service.url, headers=headers, checks=made, timeout=LONGEST)

        try:
            send()
        except (Exception, BaseExceptionGroup) as failure:
            broken[f"{method.upper()} {path} ({mode.value})"] = f"{failure!s:.3000}"

    began, memory = time.monotonic(), [service.resident]
    for number, one in enumerate(wanted):
        draw(*one)
        if number in (len(wanted) // 2, len(wanted) - 1):
            memory.append(service.resident)
    total = sent.total()
    told = (
        f"{total} cases ({dict(sent)}) of {len(wanted) // 2} operations by {len(made)} checks in "
        f"{time.monotonic() - began:.0f} s; {len(broken)} operations broken; the service has "
        f"{' -> '.join(f'{each:.0f}' for each in memory)} MiB"
    )
    record_property("contract", told)
    with capsys.disabled():
        print(f"\n{told}")  # noqa: T201
    assert not broken, "\n\n".join(f"{name}\n{text}" for name, text in broken.items())
    assert total >= LEAST * min(1.0, EXAMPLES_EACH / 40)
    assert memory[-1] - memory[1] < GROWTH
