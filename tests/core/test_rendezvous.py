"""Blocks of one process meet at shared calls, and nobody waits for whoever does not come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from burnish_workers.core.rendezvous import Rendezvous

Block = Callable[[], Any]


def doubled(requests: Sequence[int]) -> list[int]:
    return [2 * request for request in requests]


def together(here: Rendezvous, blocks: Sequence[Block], shares: Sequence[bool]) -> list[Any]:
    """What blocks give, or what they raise, each in a thread; the first begins when all have come."""
    found: list[Any] = [None] * len(blocks)
    gate = threading.Barrier(len(blocks))

    def run(i: int) -> None:
        gate.wait()
        try:
            with here.turn(shares=shares[i]):
                found[i] = blocks[i]()
        except ArithmeticError as error:
            found[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "somebody waits for ever"
    return found


def asking(here: Rendezvous, network: object, times: int, at: int = 0, pause: float = 0.01) -> Block:
    def block() -> list[int]:
        time.sleep(pause)  # long enough for the others to have come
        return [here.call(network, doubled, at + i, 1) for i in range(times)]

    return block


def test_alone_a_call_is_made_at_once() -> None:
    here, network = Rendezvous(), object()
    assert here.call(network, doubled, 3, 1) == 6
    assert together(here, [asking(here, network, 4)], [True]) == [[0, 2, 4, 6]]
    assert here.calls == 5


def test_blocks_of_one_network_share_calls() -> None:
    here, network = Rendezvous(), object()
    found = together(here, [asking(here, network, 5, 10 * i) for i in range(3)], [True] * 3)
    assert found == [[2 * (10 * i + k) for k in range(5)] for i in range(3)]
    assert here.calls == 5, "three blocks, one call each time"


def test_blocks_of_two_networks_do_not_mix() -> None:
    here, one, other = Rendezvous(), object(), object()
    seen: list[list[int]] = []

    def noted(requests: Sequence[int]) -> list[int]:
        seen.append(list(requests))
        return doubled(requests)

    def block(network: object, at: int) -> Block:
        def run() -> list[int]:
            time.sleep(0.01)
            return [here.call(network, noted, at + i, 1) for i in range(3)]

        return run

    assert together(here, [block(one, 0), block(other, 100)], [True, True]) == [[0, 2, 4], [200, 202, 204]]
    assert all(len(requests) == 1 for requests in seen)


def test_a_block_that_ends_or_never_shares_keeps_nobody() -> None:
    here, network = Rendezvous(), object()
    blocks = [asking(here, network, 6), asking(here, network, 2, 50), lambda: "done"]
    assert together(here, blocks, [True, True, False]) == [[0, 2, 4, 6, 8, 10], [100, 102], "done"]


def test_a_call_that_fails_fails_for_all_who_asked() -> None:
    here, network = Rendezvous(), object()

    def failing(requests: Sequence[int]) -> list[int]:
        raise ArithmeticError(f"{len(requests)} requests")

    def block() -> Any:
        time.sleep(0.01)
        return here.call(network, failing, 1, 1)

    found = together(here, [block, block], [True, True])
    assert all(isinstance(error, ArithmeticError) for error in found)
    assert together(here, [asking(here, network, 1)], [True]) == [[0]], "the place goes on"


def test_a_block_that_fails_keeps_nobody() -> None:
    here, network = Rendezvous(), object()

    def broken() -> None:
        time.sleep(0.01)
        raise ArithmeticError("told to")

    found = together(here, [asking(here, network, 3), broken], [True, True])
    assert found[0] == [0, 2, 4]
    assert isinstance(found[1], ArithmeticError)


def test_seconds_are_those_of_the_block_itself() -> None:
    """A block that waits for another is not charged for the waiting; shared calls are charged by rows."""
    here, network = Rendezvous(), object()
    seconds: dict[str, float] = {}
    gate = threading.Barrier(2)

    def slow(requests: Sequence[int]) -> list[int]:
        time.sleep(0.3)
        return doubled(requests)

    def run(name: str, rows: int, own: float) -> None:
        gate.wait()
        with here.turn(shares=True) as watch:
            time.sleep(0.02 + own)
            here.call(network, slow, 1, rows)
        seconds[name] = watch.seconds

    threads = [threading.Thread(target=run, args=each) for each in (("few", 1, 0.0), ("many", 2, 0.4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seconds["few"] < 0.7 * seconds["many"], "with the waiting both would be equal"
