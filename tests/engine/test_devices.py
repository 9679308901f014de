"""What the workers of a pool run on."""

from __future__ import annotations

from burnish_workers.engine.devices import Device, devices_of


def test_workers_of_one_node_and_class_are_told_together() -> None:
    seats = [("b", "EPYC", True), ("a", "H100", True), ("a", "H100", False), ("a", "EPYC", True)]
    assert devices_of(seats, 0.5) == (
        Device("a", "EPYC", 1, 1, 0.5),
        Device("a", "H100", 2, 1, 0.5),
        Device("b", "EPYC", 1, 1, 0.5),
    )


def test_no_worker_no_device() -> None:
    assert devices_of([]) == ()
