"""A response outlives the replica that tells of it: its reader goes on behind the last event, on another one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from ..service.language import ASKED, ENDLESS, NAME, sampled, tiny, until
from .conftest import Cluster, running

__all__ = ["tiny"]

pytestmark = [pytest.mark.law, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BODY = {"burnish": {"chains": 8, "budget_tokens": 20_000, "early_stop": False}}


@pytest.fixture(scope="module")
def cluster(folder: Path, tiny: str) -> Iterator[Cluster]:
    with running(folder / "responses", 1) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{cluster.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def shown(cluster: Cluster, path: str, **params: int) -> Any:
    """What the service says of its jobs."""
    return httpx2.get(f"{cluster.url}/v1/jobs{path}", params=params, timeout=60).json()


def told(client: OpenAI, response: str, after: int) -> Iterator[Any]:
    """The events behind `after`, for as long as the connection lives."""
    with client.responses.retrieve(response, stream=True, starting_after=after) as stream:
        yield from stream


def test_a_front_is_killed_in_mid_stream(cluster: Cluster, client: OpenAI) -> None:
    found = client.responses.create(model=NAME, input="ab", background=True, extra_body=BODY)
    seen: list[Any] = []
    killed = broken = 0
    deadline = time.monotonic() + 240
    while not seen or seen[-1].type != "response.completed":
        assert time.monotonic() < deadline
        try:
            for event in told(client, found.id, seen[-1].sequence_number if seen else -1):
                seen.append(event)
                if not killed and event.type == "response.reasoning_summary_text.delta":
                    for front in cluster.fronts():
                        os.kill(front.pid, signal.SIGKILL)
                        killed += 1
            broken += 1
        except (openai.APIError, httpx2.HTTPError):
            broken += 1
            time.sleep(0.2)
    assert killed == 1
    assert broken >= 1
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    again = list(told(client, found.id, -1))
    assert [event.to_json() for event in again] == [event.to_json() for event in seen]
    whole = client.responses.retrieve(found.id)
    job = shown(cluster, f"/{whole.model_extra['burnish']['job']}")
    assert whole.usage.output_tokens == sampled(job) > 20_000


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_ends_the_job_through_the_ingress(cluster: Cluster, client: OpenAI, stream: bool) -> None:
    asked: dict[str, Any] = {"model": NAME, "messages": ASKED, "extra_body": ENDLESS}
    if stream:
        with client.chat.completions.create(**asked, stream=True) as reply:
            next(iter(reply))
    else:
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=3).chat.completions.create(**asked)
    newest = shown(cluster, "", limit=1)["data"][0]["id"]
    until(lambda: shown(cluster, f"/{newest}")["status"] == "cancelled")
