"""Fixtures of tests that ask servers: what is allowed, quick retries, nothing left open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from burnish.retries import Retries
from burnish_workers.kinds.reasoning.backends.server.learning import forget
from burnish_workers.kinds.reasoning.outbound import link
from burnish_workers.kinds.reasoning.outbound.waiting import OUTBOUND
from burnish_workers.outbound.allowed import VARIABLE

from .stand_in import StandIn, standing_in

Start = Callable[[StandIn], StandIn]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fresh knowledge of servers, pauses of hundredths of a second, and every thread gone at the end."""
    monkeypatch.setattr(link, "RETRIES", Retries(attempts=3, first=0.01))
    forget()
    yield
    OUTBOUND.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for, and that a busy machine keeps."""
    monkeypatch.setattr(link, "PATIENCE", 2.0)
    monkeypatch.setattr(link, "EACH_TOKEN", 0.0)


@pytest.fixture
def start(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts stand-ins, and allows them."""
    hosts: list[str] = []
    with ExitStack() as stack:

        def begin(stand_in: StandIn) -> StandIn:
            stack.enter_context(standing_in(stand_in))
            hosts.append(stand_in.host)
            monkeypatch.setenv(VARIABLE, ",".join(hosts))
            return stand_in

        yield begin
