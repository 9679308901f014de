"""Which faults there are, and on what stage each plays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from . import strikes
from .service import Service, store_of_our_own
from .trial import Hit, Scene

Stage = Callable[[Path], AbstractContextManager[Service]]


@dataclass(frozen=True)
class Row:
    """A fault. `title`: for the table."""

    title: str
    stage: Stage
    strike: Callable[[Service, Scene], Hit]


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[Service]:
    """A service with a store beside it."""
    with store_of_our_own(folder / "store") as store:
        service = Service(folder / "one", store)
        try:
            service.start()
            yield service
        finally:
            service.stop()


@contextlib.contextmanager
def self_contained(folder: Path) -> Iterator[Service]:
    """A service with its own store inside."""
    service = Service(folder / "whole", None)
    try:
        service.start()
        yield service
    finally:
        service.stop()


ROWS: dict[str, Row] = {
    "none": Row("none", one_node, strikes.nothing),
    "worker": Row("SIGKILL a worker in mid-block", one_node, strikes.a_worker),
    "workers": Row("SIGKILL all workers in mid-block", one_node, strikes.all_workers),
    "runner": Row("SIGKILL a runner", one_node, strikes.a_runner),
    "holder": Row("SIGKILL the runner that leads the allocation", one_node, strikes.the_holder),
    "front": Row("SIGKILL a front replica", one_node, strikes.a_front),
    "controller": Row("SIGKILL the Serve controller", one_node, strikes.the_controller),
    "haproxy": Row("SIGKILL HAProxy", one_node, strikes.haproxy),
    "zombie": Row("SIGSTOP a runner past its lease, then SIGCONT", one_node, strikes.a_runner_stopped),
    "store-2s": Row("SIGSTOP the store for 2 s", one_node, strikes.store_stopped(2.0)),
    "store-20s": Row("SIGSTOP the store for 20 s", one_node, strikes.store_stopped(20.0)),
    "store-killed": Row("SIGKILL the store, restart from its append-only file", one_node, strikes.store_killed),
    "head": Row("SIGKILL the whole head, restart", self_contained, strikes.the_head),
}


def staged(names: list[str]) -> list[tuple[Stage, list[str]]]:
    """The faults by the stage that they need, in the order of ROWS."""
    order: dict[Stage, list[str]] = {}
    for name, row in ROWS.items():
        if name in names:
            order.setdefault(row.stage, []).append(name)
    return list(order.items())
