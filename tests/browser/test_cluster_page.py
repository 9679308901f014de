"""The cluster: who has what of the pool, by job and by tenant, and what workers run on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from burnish_workers.engine.api_keys import minted
from tests.service.harness import Service, blocks_of, in_memory, serving

from .conftest import PATIENCE, Open, at

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_cluster_shows_who_has_what(service: Service, look: Open) -> None:
    job = service.create(blocks_of(4000, nap=0.02))["id"]
    page = look(at(service, "/cluster")).page
    allocation = page.locator("section", has_text="Allocation of the pool")
    expect(allocation.locator("tbody")).to_contain_text(job[-6:])
    expect(allocation.locator(".shares .piece").first).to_be_visible()
    expect(page.locator(".figures")).to_contain_text("2 of 2")
    expect(page.locator(".devices .square")).to_have_count(2)
    expect(page.locator(".devices")).to_contain_text("2 of 2 up")
    expect(page.locator(".figure", has_text="blocks/s").locator("dd")).to_have_text(
        re.compile(r"^([1-9]\d*\.\d|0\.[1-9])$"), timeout=PATIENCE
    )
    service.client.post(f"/v1/jobs/{job}/cancel")
    expect(allocation).to_contain_text("No job is running", timeout=PATIENCE)


def test_tenants_are_seen_by_those_who_run_the_service_alone(look: Open) -> None:
    keys = {name: minted() for name in ("acme", "bolt")}
    operator = minted()
    listed = ",".join([*(f"{name}={key.text}" for name, key in keys.items()), f"ops:admin+read={operator.text}"])
    with serving(in_memory(api_keys=listed)) as closed:
        jobs: dict[str, str] = {}
        for name, key in keys.items():
            closed.client.headers["Authorization"] = f"Bearer {key.text}"
            jobs[name] = closed.create(blocks_of(4000, nap=0.05))["id"]
        for key, seen in ((operator.text, {"acme", "bolt"}), (keys["acme"].text, {"acme"})):
            look_at = look(at(closed, "/cluster"))
            page = look_at.page
            page.get_by_label("API key").fill(key)
            page.get_by_role("button", name="Go on").click()
            allocation = page.locator("section", has_text="Allocation of the pool")
            for name, job in jobs.items():
                rows = allocation.locator("tbody tr", has_text=job[-6:])
                expect(rows).to_have_count(int(name in seen))
                expect(allocation.locator(".key li", has_text=re.compile(f"^{name} "))).to_have_count(int(name in seen))
            look_at.forgive("401")
        for name, key in keys.items():
            closed.client.headers["Authorization"] = f"Bearer {key.text}"
            closed.client.post(f"/v1/jobs/{jobs[name]}/cancel")
