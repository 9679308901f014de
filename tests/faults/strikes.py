"""The faults on one node: each finds its victim at work, harms it, and says how it saw that."""

from __future__ import annotations

import os
import signal
import time

from burnish import Burnish

from . import processes
from .nodes import Nodes
from .processes import BUSY_WORKER, CONTROLLER, FRONT, RUNNER, WORKER
from .service import LEASE, Service
from .trial import Hit, Scene

CUT = 30.0
"""Seconds, twice the time after which a silent node is given up."""


def nothing(service: Service, scene: Scene) -> Hit:
    return Hit(in_flight(service) > 0, "no fault")


def a_worker(service: Service, scene: Scene) -> Hit:
    return _kill_workers(service, scene, 1)


def all_workers(service: Service, scene: Scene) -> Hit:
    return _kill_workers(service, scene, service.workers)


def a_runner(service: Service, scene: Scene) -> Hit:
    return _kill_runner(service, scene, leads=False)


def the_holder(service: Service, scene: Scene) -> Hit:
    return _kill_runner(service, scene, leads=True)


def a_front(service: Service, scene: Scene) -> Hit:
    """That with most connections."""
    victim = max(service.titled(FRONT), key=processes.connections)
    held = processes.connections(victim)
    scene.harm()
    victim.kill()
    return Hit(held > 5, f"front with {held} connections killed")


def the_controller(service: Service, scene: Scene) -> Hit:
    at_work, victims = in_flight(service), service.titled(CONTROLLER)
    scene.harm()
    processes.kill(victims)
    return Hit(len(victims) == 1 and at_work > 0, f"controller killed, {at_work} blocks in flight")


def haproxy(service: Service, scene: Scene) -> Hit:
    victims = processes.named(service.family(), "haproxy")
    held = sum(map(processes.connections, victims))
    scene.harm()
    processes.kill(victims)
    return Hit(held > 20, f"{len(victims)} haproxy with {held} connections killed")


def the_head(service: Service, scene: Scene) -> Hit:
    """Supervisor, guardian, server, store, Ray: all at once, then started again on the same data."""
    at_work, everybody = in_flight(service), service.family()
    assert service.process is not None
    scene.harm()
    for process in everybody:
        processes.freeze(process)
    everybody = service.family()
    processes.kill(everybody)
    service.process.wait(10)
    left = processes.gone(everybody)
    service.start()
    return Hit(at_work > 0 and not left, f"{len(everybody)} processes killed, {at_work} blocks in flight")


def a_runner_stopped(service: Service, scene: Scene) -> Hit:
    """Past its lease; then it comes back and finds its jobs with another."""
    victim, about = _runner(service, leads=False)
    scene.harm()
    processes.freeze(victim)
    time.sleep(2 * LEASE + 1)
    alive = processes.alive(victim.pid)
    processes.thaw(victim)
    return Hit(about > 0 and alive, f"runner with {about} blocks in flight stopped for {2 * LEASE + 1:g} s")


def store_stopped(seconds: float):
    def strike(service: Service, scene: Scene) -> Hit:
        assert service.store is not None
        assert service.store.pid is not None
        at_work = in_flight(service)
        scene.harm()
        os.kill(service.store.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(service.store.pid, signal.SIGCONT)
        return Hit(at_work > 0, f"store stopped for {seconds:g} s, {at_work} blocks in flight")

    return strike


def store_killed(service: Service, scene: Scene) -> Hit:
    assert service.store is not None
    assert service.store.pid is not None
    at_work = in_flight(service)
    scene.harm()
    os.kill(service.store.pid, signal.SIGKILL)
    time.sleep(1.0)
    service.store.stop()
    service.store.start()
    return Hit(at_work > 0, f"store killed and started from its file after 1 s, {at_work} blocks in flight")


def second_node_killed(service: Nodes, scene: Scene) -> Hit:
    """With its workers in mid-block; a new one joins after a while."""
    busy = _busy_elsewhere(service)
    scene.harm()
    count = service.kill_other()
    time.sleep(5.0)
    service.start_other()
    return Hit(busy > 0, f"{count} processes killed, {busy} workers among them in mid-block")


def second_node_cut_off(service: Nodes, scene: Scene) -> Hit:
    """Until it is given up; then the line is there again, what is left of the node ends itself, and another joins."""
    busy, runners = _busy_elsewhere(service), len(processes.titled(service.others(), RUNNER))
    scene.harm()
    service.network.cut()
    try:
        time.sleep(CUT)
    finally:
        service.network.join()
    time.sleep(5.0)
    left = service.kill_other()
    service.start_other()
    return Hit(
        busy > 0,
        f"cut off for {CUT:g} s, {busy} workers in mid-block and {runners} runners there, {left} processes left",
    )


def _busy_elsewhere(service: Nodes) -> int:
    """Workers on the second node that are in mid-block; a moment when there are some is waited for."""
    for _ in range(500):
        titles = [processes.title(process) for process in service.others_workers()]
        if busy := sum(title.startswith(BUSY_WORKER) for title in titles):
            return busy
        time.sleep(0.01)
    return 0


def in_flight(service: Service | Nodes) -> int:
    """Blocks with workers, as the service says; a moment when there are some is waited for, a second long."""
    with Burnish(service.url) as client:
        for _ in range(20):
            if found := sum(job.in_flight for job in client.cluster().jobs):
                return found
            time.sleep(0.05)
    return 0


def _kill_workers(service: Service, scene: Scene, count: int) -> Hit:
    """Each is frozen in mid-block; when all are, they are killed."""
    caught = []
    for _ in range(count):
        frozen = {process.pid for process in caught}
        one = processes.caught(
            lambda frozen=frozen: [p for p in service.titled(WORKER) if p.pid not in frozen],
            lambda process: processes.title(process).startswith(BUSY_WORKER),
        )
        if one is None:
            for process in caught:
                processes.thaw(process)
            return Hit(False, f"only {len(caught)} of {count} workers were seen in mid-block")
        caught.append(one)
    scene.harm()
    processes.kill(caught)
    return Hit(True, f"{count} killed in mid-block")


def _runner(service: Service, leads: bool):
    """A runner with blocks in flight, and how many; `leads`: the one that holds the allocator's lease."""
    deadline = time.monotonic() + 10
    with Burnish(service.url) as client:
        while True:
            view = client.cluster()
            for runner in view.runners:
                held = sum(job.in_flight for job in view.jobs if job.runner == runner.id)
                found = [p for p in service.titled(RUNNER) if p.pid == int(runner.id.split("-")[1])]
                if found and held and (runner.leads or not leads):
                    return found[0], held
            if time.monotonic() > deadline:
                raise RuntimeError(f"no runner had blocks in flight: {view}")
            time.sleep(0.05)


def _kill_runner(service: Service, scene: Scene, leads: bool) -> Hit:
    victim, held = _runner(service, leads)
    scene.harm()
    victim.kill()
    return Hit(True, f"runner with {held} blocks in flight killed{', which led' if leads else ''}")
