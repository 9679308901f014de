"""Which faults there are, and on what stage each plays."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from . import fillings, strikes
from .fillings import small_disk
from .nodes import Network, Nodes, namespace
from .service import Service, store_of_our_own
from .trial import Hit, Scene

T = TypeVar("T", Service, Nodes)

Stage = Callable[[Path], AbstractContextManager[Any]]
"""What a fault needs: a Service, or Nodes."""


@dataclass(frozen=True)
class Row:
    """A fault. `title`: for the table."""

    title: str
    stage: Stage
    strike: Callable[[Any, Scene], Hit]


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[Service]:
    """A service with a store beside it."""
    with store_of_our_own(folder / "store") as store:
        yield from _up(Service(folder / "one", store))


@contextlib.contextmanager
def self_contained(folder: Path) -> Iterator[Service]:
    """A service with its own store inside."""
    yield from _up(Service(folder / "whole", None))


@contextlib.contextmanager
def small_artifacts(folder: Path) -> Iterator[Service]:
    """One node whose artifacts have little room."""
    with small_disk(folder / "small" / "data" / "artifacts"), store_of_our_own(folder / "small-store") as store:
        yield from _up(Service(folder / "small", store))


@contextlib.contextmanager
def two_nodes(folder: Path) -> Iterator[Nodes]:
    """A cluster of two nodes on the loopback interface."""
    with store_of_our_own(folder / "shared-store") as store:
        yield from _up(Nodes(folder / "two", store, Network()))


@contextlib.contextmanager
def two_networks(folder: Path) -> Iterator[Nodes]:
    """A cluster whose second node is in a network of its own."""
    with namespace() as network, store_of_our_own(folder / "far-store", network.first) as store:
        yield from _up(Nodes(folder / "apart", store, network))


def _up(stage: T) -> Iterator[T]:
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


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
    "store-full": Row("fill the store's memory for 8 s", one_node, fillings.store_full),
    "disk-full": Row("fill the disk of the artifacts for 8 s", small_artifacts, fillings.disk_full),
    "head": Row("SIGKILL the whole head, restart", self_contained, strikes.the_head),
    "node": Row("SIGKILL the second node of two", two_nodes, strikes.second_node_killed),
    "partition": Row(f"cut off the second node for {strikes.CUT:g} s", two_networks, strikes.second_node_cut_off),
}


def staged(names: list[str]) -> list[tuple[Stage, list[str]]]:
    """The faults by the stage that they need, in the order of ROWS."""
    order: dict[Stage, list[str]] = {}
    for name, row in ROWS.items():
        if name in names:
            order.setdefault(row.stage, []).append(name)
    return list(order.items())


def missing(stage: Stage) -> str | None:
    """Why a stage cannot be put up on this machine; None when it can."""
    tool = {small_artifacts: "mount", two_networks: "ip"}.get(stage)
    if tool and (os.geteuid() != 0 or shutil.which(tool) is None):
        return f"needs root and `{tool}`"
    return None
