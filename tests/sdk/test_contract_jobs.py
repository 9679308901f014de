"""The life of jobs over both transports, with what only a broken store or a broken simulation shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from burnish import Burnish, Conflict, JobCrashed, NotFound, Rejected
from burnish_workers.engine.memory_store import MemoryStore
from tests.service.harness import Parts, blocks_of, serving

QUICK = {"kind": "correlated", "budget": {"units": 256}, "seed": 1}
FOREVER = {"kind": "correlated", "budget": {"seconds": 600}, "seed": 1, "nap": 0.02}


@dataclass(frozen=True)
class Both:
    """A client, and the store behind it."""

    client: Burnish
    store: MemoryStore

    def entry(self, job: str) -> Any:
        return self.store._jobs[job]


@pytest.fixture(scope="module", params=["local", "port"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    if request.param == "local":
        with Burnish.local(workers=2) as client:
            yield Both(client, client._service._storage.store)  # pyright: ignore
        return
    store = MemoryStore()
    with serving(Parts(lambda: store, lambda: store)) as service, Burnish(service.url) as client:
        yield Both(client, store)


def test_one_key_makes_one_job(both: Both) -> None:
    first, again = (both.client.submit(QUICK, idempotency_key=f"key-{id(both)}") for _ in range(2))
    assert first.id == again.id
    with pytest.raises(Rejected, match="used within 24 hours with another body"):
        both.client.submit({**QUICK, "seed": 2}, idempotency_key=f"key-{id(both)}")


def test_cancel_keeps_the_answer(both: Both) -> None:
    job = both.client.submit(FOREVER)
    first = next(iter(job.refinements()))
    assert not job.done
    assert job.cancel().wait().status == "cancelled"
    assert job.last is not None
    assert job.last.blocks >= first.blocks
    assert both.client.cancel(job.id).status == "cancelled", "twice is no error"
    with pytest.raises(Conflict):
        both.client.resume(job.id)


def test_pages_go_through_all(both: Both) -> None:
    made = [both.client.submit(QUICK).wait().id for _ in range(3)]
    seen = [job.id for job in both.client.list(limit=1)]
    assert seen[:3] == made[::-1]
    assert len(seen) == len(set(seen))
    events = [event.sequence for event in both.client.events(made[0], limit=1)]
    assert events == list(range(1, len(events) + 1))
    whole = [row.index for row in both.client.ledger(made[0], limit=1)]
    assert whole == list(range(len(whole)))
    assert len(whole) > 1


def test_a_ledger_that_was_tampered_with(both: Both) -> None:
    job = both.client.submit(QUICK).wait()
    assert both.client.verify(job.id).reproduced
    ledger = both.entry(job.id).ledger
    true = ledger[1]
    ledger[1] = true.model_copy(update={"digest": "sha256:" + "0" * 64})
    found = both.client.verify(job.id, indices=[0, 1])
    assert (found.reproduced, [block.reproduced for block in found.blocks]) == (False, [True, False])
    assert found.blocks[1].digest == true.digest, "what the block gives is told, beside what was expected"
    ledger[1] = true
    assert both.client.verify(job.id, indices=[0, 1]).reproduced


def test_a_crashed_job_goes_on_where_it_was(both: Both) -> None:
    """Its cause taken away, it ends in the bits of a job that never crashed."""
    whole = both.client.submit(blocks_of(16)).wait()
    job = both.client.submit(blocks_of(16, fail_at=100))
    with pytest.raises(JobCrashed, match="replicate 100 was told to fail"):
        job.wait()
    assert job.snapshot.resumable
    entry = both.entry(job.id)
    for spec in (entry.record.spec, entry.record.resolved):
        spec["fail_at"] = None
    before = {row.index: row.attempts for row in both.client.ledger(job.id)}
    assert both.client.resume(job.id).wait().status == "completed"
    job.refresh()
    assert job.last is not None
    assert whole.last is not None
    assert job.last.digest == whole.last.digest
    after = {row.index: row.attempts for row in both.client.ledger(job.id)}
    assert len(after) == 16
    assert {i: after[i] for i in before} == before, "folded blocks are not run again"


def test_delete(both: Both) -> None:
    job = both.client.submit(FOREVER)
    with pytest.raises(Conflict, match="cancel it first"):
        both.client.delete(job.id)
    job.cancel().wait()
    both.client.delete(job.id)
    gone: list[Callable[[], object]] = [
        lambda: both.client.get(job.id),
        lambda: both.client.delete(job.id),
        lambda: both.client.verify(job.id),
        lambda: list(both.client.events(job.id)),
        lambda: list(both.client.ledger(job.id)),
    ]
    for ask in gone:
        with pytest.raises(NotFound):
            ask()


def test_usage_is_the_sum_of_what_jobs_spent(both: Both) -> None:
    def spent() -> tuple[int, int]:
        rows = [row for row in both.client.usage(days=2).data if row.kind == "correlated"]
        return sum(row.jobs for row in rows), sum(row.units for row in rows)

    before = spent()
    jobs = [both.client.submit({**QUICK, "seed": seed}).wait() for seed in (3, 4)]
    jobs[0].extend(units=128).wait()
    both.client.verify(jobs[1].id)
    both.client.delete(jobs[1].id)
    after = spent()
    assert after[0] - before[0] == 2, "a verification is no job of the user's"
    assert after[1] - before[1] == sum(job.spent.units for job in jobs)


def test_a_plan_that_takes_long_is_waited_for(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    from burnish_workers.engine.inquiries import Inquiries

    for name in ("plan", "verify"):
        monkeypatch.setattr(getattr(Inquiries, name), "__defaults__", (0.0,))
    plan = both.client.plan(QUICK)
    assert plan.units >= 256
    job = both.client.submit(plan.resolved.model_dump(mode="json")).wait()
    assert both.client.verify(job.id, blocks=2).reproduced
