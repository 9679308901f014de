"""The faults on one node: each finds its victim at work, harms it, and says how it saw that."""

from __future__ import annotations

import os
import signal
import time

from burnish import Burnish

from . import processes
from .processes import BUSY_WORKER, CONTROLLER, FRONT, RUNNER, WORKER
from .service import LEASE, Service
from .trial import Hit, Scene


def nothing(service: Service, scene: Scene) -> Hit:
    return Hit(_in_flight(service) > 0, "no fault")


def a_worker(service: Service, scene: Scene) -> Hit:
    return _kill_workers(service, 1)


def all_workers(service: Service, scene: Scene) -> Hit:
    return _kill_workers(service, service.workers)


def a_runner(service: Service, scene: Scene) -> Hit:
    return _kill_runner(service, leads=False)


def the_holder(service: Service, scene: Scene) -> Hit:
    return _kill_runner(service, leads=True)


def a_front(service: Service, scene: Scene) -> Hit:
    """That with most connections."""
    victim = max(service.titled(FRONT), key=processes.connections)
    held = processes.connections(victim)
    victim.kill()
    return Hit(held > 5, f"front with {held} connections killed")


def the_controller(service: Service, scene: Scene) -> Hit:
    in_flight, victims = _in_flight(service), service.titled(CONTROLLER)
    processes.kill(victims)
    return Hit(len(victims) == 1 and in_flight > 0, f"controller killed, {in_flight} blocks in flight")


def haproxy(service: Service, scene: Scene) -> Hit:
    victims = processes.named(service.family(), "haproxy")
    held = sum(map(processes.connections, victims))
    processes.kill(victims)
    return Hit(held > 20, f"{len(victims)} haproxy with {held} connections killed")


def the_head(service: Service, scene: Scene) -> Hit:
    """Supervisor, guardian, server, store, Ray: all at once, then started again on the same data."""
    in_flight, everybody = _in_flight(service), service.family()
    assert service.process is not None
    for process in everybody:
        processes.freeze(process)
    everybody = service.family()
    processes.kill(everybody)
    service.process.wait(10)
    left = processes.gone(everybody)
    service.start()
    return Hit(in_flight > 0 and not left, f"{len(everybody)} processes killed, {in_flight} blocks in flight")


def a_runner_stopped(service: Service, scene: Scene) -> Hit:
    """Past its lease; then it comes back and finds its jobs with another."""
    victim, about = _runner(service, leads=False)
    processes.freeze(victim)
    time.sleep(2 * LEASE + 1)
    alive = processes.alive(victim.pid)
    processes.thaw(victim)
    return Hit(about > 0 and alive, f"runner with {about} blocks in flight stopped for {2 * LEASE + 1:g} s")


def store_stopped(seconds: float):
    def strike(service: Service, scene: Scene) -> Hit:
        assert service.store is not None
        assert service.store.pid is not None
        in_flight = _in_flight(service)
        os.kill(service.store.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(service.store.pid, signal.SIGCONT)
        return Hit(in_flight > 0, f"store stopped for {seconds:g} s, {in_flight} blocks in flight")

    return strike


def store_killed(service: Service, scene: Scene) -> Hit:
    assert service.store is not None
    assert service.store.pid is not None
    in_flight = _in_flight(service)
    os.kill(service.store.pid, signal.SIGKILL)
    time.sleep(1.0)
    service.store.stop()
    service.store.start()
    return Hit(in_flight > 0, f"store killed and started from its file after 1 s, {in_flight} blocks in flight")


def _in_flight(service: Service) -> int:
    """Blocks with workers, as the service says; a moment when there are some is waited for, a second long."""
    with Burnish(service.url) as client:
        for _ in range(20):
            if found := sum(job.in_flight for job in client.cluster().jobs):
                return found
            time.sleep(0.05)
    return 0


def _kill_workers(service: Service, count: int) -> Hit:
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
    processes.kill(caught)
    return Hit(True, f"{count} killed in mid-block")


def _runner(service: Service, leads: bool):
    """A runner with blocks in flight, and how many; `leads`: the one that holds the allocator's lease."""
    with Burnish(service.url) as client:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            view = client.cluster()
            for runner in view.runners:
                held = sum(job.in_flight for job in view.jobs if job.runner == runner.id)
                found = [p for p in service.titled(RUNNER) if p.pid == int(runner.id.split("-")[1])]
                if found and held and (runner.leads or not leads):
                    return found[0], held
            time.sleep(0.05)
    raise RuntimeError(f"no runner had blocks in flight: {view}")


def _kill_runner(service: Service, leads: bool) -> Hit:
    victim, held = _runner(service, leads)
    victim.kill()
    return Hit(True, f"runner with {held} blocks in flight killed{', which led' if leads else ''}")
