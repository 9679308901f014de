"""Pages that fetch the next one by themselves."""

from __future__ import annotations

import pytest

from burnish import AsyncBurnish, Burnish, UnexpectedAnswer


def jobs(make, *ids: str):
    return [make.job() | {"id": i} for i in ids]


def test_iterating_goes_through_all_pages(server, make) -> None:
    server.play(make.page(*jobs(make, "a", "b"), next="b"), make.page(*jobs(make, "c"), next="c"), make.page())
    with Burnish(server.url) as client:
        page = client.list(limit=2, kind="surrogate")
        assert [job.id for job in page.data] == ["a", "b"]
        assert len(server.seen) == 1
        assert [job.id for job in page] == ["a", "b", "c"]
    assert [seen.params.get("after") for seen in server.seen] == [None, "b", "c"]
    assert all(seen.params["limit"] == "2" and seen.params["kind"] == "surrogate" for seen in server.seen)


async def test_async_iterating_goes_through_all_pages(server, make) -> None:
    server.play(make.page(*jobs(make, "a", "b"), next="b"), make.page(*jobs(make, "c")))
    async with AsyncBurnish(server.url) as client:
        page = await client.list()
        assert [job.id async for job in page] == ["a", "b", "c"]
        assert (await page.next_page()).has_more is False


def test_events_and_refinements(server, make) -> None:
    events = [{"sequence": n, "type": "refinement", "at": "", "data": make.refinement(n)} for n in (1, 2)]
    server.play(make.page(events[0], next=1), make.page(events[1]))
    with Burnish(server.url) as client:
        assert [event.sequence for event in client.events("job_1")] == [1, 2]
        server.play(make.page(*events))
        assert [refinement.sequence for refinement in client.refinements("job_1")] == [1, 2]
    assert server.seen[1].params["after"] == "1"


def test_the_ledger(server, make) -> None:
    row = {"index": 0, "digest": "d", "numeric_class": "c", "seconds": 0.1, "attempts": 2, "epoch": 0}
    server.play(make.page(row, next=0), make.page(row | {"index": 1}))
    with Burnish(server.url) as client:
        assert [(block.index, block.attempts) for block in client.ledger("job_1")] == [(0, 2), (1, 2)]
    assert [seen.params for seen in server.seen] == [{}, {"after": "0"}]


@pytest.mark.parametrize(("next_one", "why"), [("b", "points at itself"), (None, "next is null")])
def test_a_page_that_leads_nowhere_is_an_error(server, make, next_one: str | None, why: str) -> None:
    stuck = make.ok({"data": jobs(make, "b"), "has_more": True, "next": next_one})
    server.play(make.page(*jobs(make, "a"), next="b"), stuck)
    with Burnish(server.url) as client, pytest.raises(UnexpectedAnswer, match=why):
        list(client.list())


def test_kinds_and_catalogue(server, make) -> None:
    kind = {"name": "surrogate", "summary": "s", "spec": {}, "examples": [], "newer": 1}
    entry = {
        "kind": "surrogate",
        "type": "problem",
        "name": "p",
        "summary": "s",
        "details": {"dim": 20, "box": [-1, 1]},
    }
    server.play(make.ok({"data": [kind]}), make.ok(kind), make.ok({"data": [entry]}), make.ok({}))
    with Burnish(server.url) as client:
        assert [k.name for k in client.kinds()] == ["surrogate"]
        assert client.kind("surrogate").examples == []
        assert client.catalogue()[0].details["dim"] == 20
        assert client.health() is True
