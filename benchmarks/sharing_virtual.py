"""The jobs of `sharing.py` on the engine alone, in virtual time.

Dispatcher, conductors and allocator are the real ones, store and workers are in memory, and hours pass in seconds
whatever else the machine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from typing import Any

import structlog
from sharing_mix import REPLICATES, Arrival

from burnish_workers.core.sharing import Sharing

sys.path.append(str(Path(__file__).parents[1]))
from tests.laws.simulated import SimulatedFleet, SimulatedHouse, simulate

PATIENCE = 1e6


def conducted(rule: Sharing, arrivals: list[Arrival], workers: int, nap: float) -> list[dict[str, Any]]:
    """As `sharing.tolerant`: for each job how long it took, whether it met its tolerance, and its worker-seconds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return simulate(_conducted(rule, arrivals, workers, nap))


async def _conducted(rule: Sharing, arrivals: list[Arrival], workers: int, nap: float) -> list[dict[str, Any]]:
    house = SimulatedHouse(SimulatedFleet(workers, each=nap / REPLICATES))
    running = asyncio.create_task(house.dispatcher(sharing=rule).run())
    try:
        return list(await asyncio.gather(*(_followed(house, arrival) for arrival in arrivals)))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _followed(house: SimulatedHouse, arrival: Arrival) -> dict[str, Any]:
    """The fleet keeps the time: blocks themselves do not sleep."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(arrival.at)
    began, resolution = loop.time(), {**arrival.spec["resolution"], "numeric_class": "any"}
    ended = await house.ended(await house.post({**arrival.spec, "nap": 0.0, "resolution": resolution}), PATIENCE)
    row = {"work": arrival.work, "came": arrival.at, "took": loop.time() - began}
    return {**row, "met": ended.stopped_by == "tolerance", "worker_seconds": ended.spent.worker_seconds}
