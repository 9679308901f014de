"""Thousands of refinements: the page answers its user all the while."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.service.harness import Service

from .conftest import PATIENCE, Open, at, badge
from .hardest import hardest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONGEST = 200.0
"""Milliseconds of CPU that no single task may take: users notice more."""


STALL = """new Promise(done => setTimeout(() => {
  let t = 0;
  for (let i = 0; i < 4e8; i++) t += Math.sqrt(i);
  done(t);
}))"""


def test_a_thousand_refinements_without_a_stall(service: Service, browser: Browser, look: Open) -> None:
    """As they come, and all at once when the page is opened again."""
    spec = {"kind": "tracking", "budget": {"units": 10**9}, "seed": 1, "observations": [[0.5]] * 1000, "expected": 1000}
    job = service.create({**spec, "lanes": 8, "particles": 2})["id"]
    page = look(at(service, f"/jobs/{job}")).page
    with hardest(browser, page) as live:
        badge(page, "completed", timeout=15 * PATIENCE)
    refinements = [event for event in service.events(job) if event["type"] == "refinement"]
    assert len(refinements) >= 990, "a page of events holds 1,000"
    page.evaluate("location.hash = '#/'")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    with hardest(browser, page) as burst:
        page.evaluate("id => { location.hash = `#/jobs/${id}`; }", job)
        badge(page, "completed")
        page.get_by_text("The numbers of every look").click()
        expect(page.locator("details[open] tbody tr")).to_have_count(200)
    last = service.get(job)["last_refinement"]
    assert last["observation"] == 999
    expect(page.locator("details[open] tbody tr").last).to_contain_text(str(last["blocks"]))
    assert min(live.tasks, burst.tasks) > 20, "the watch saw the page work"
    assert max(live.task, burst.task) < LONGEST


def test_the_watch_sees_a_stall(service: Service, browser: Browser, look: Open) -> None:
    page = look(at(service, "/nowhere")).page
    with hardest(browser, page) as seen:
        page.evaluate(STALL)
    assert seen.task > LONGEST
