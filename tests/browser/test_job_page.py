"""What can be done with a job that has ended, and what a posterior shows: islands, fields, fields in files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from burnish_workers.kinds.posterior.registered import SHIPPED, VARIABLE
from tests.service.harness import Service, blocks_of, in_memory, serving

from .conftest import PATIENCE, Open, at, badge

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDE = 24
"""Pixels: mean and deviation of so many are more outputs than an event lists."""

Drawing = Callable[[str, int], tuple[Service, str]]
"""A service, and a job that draws with the prior of that name, of so many pixels a side."""

PIXELS = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"


def test_a_job_is_verified(service: Service, look: Open) -> None:
    job = service.run(blocks_of(16))["id"]
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text(re.compile(r"^Verified: 2 of 16 blocks ran again"))).to_be_visible()


def test_a_job_is_deleted(service: Service, look: Open) -> None:
    """After a question: who says no keeps it."""
    job = service.run(blocks_of(8))["id"]
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete").click()
    badge(page, "completed")
    assert service.client.get(f"/v1/jobs/{job}").status_code == 200
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(page.locator("tr", has_text=job)).to_have_count(0)
    assert service.client.get(f"/v1/jobs/{job}").status_code == 404


def test_a_crashed_job_goes_on(service: Service, look: Open) -> None:
    """And crashes again, at the same place: what the page hears of it is a second crash."""
    job = service.run(blocks_of(16, fail_at=100))
    assert job["status"] == "crashed"
    page = look(at(service, f"/jobs/{job['id']}")).page
    badge(page, "crashed")
    expect(page.get_by_role("alert")).to_contain_text("our fault; it can go on")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    badge(page, "crashed")
    crashes = [event for event in service.events(job["id"]) if event["type"] == "crashed"]
    assert len(crashes) == 2


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawing]:
    """A service with the digits' network for larger pictures; posts jobs of it."""
    folder = Path(shutil.copytree(SHIPPED / "digits", tmp_path / "large"))
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": SIDE}))
    for calibrated in folder.glob("calibration*"):  # of the smaller pictures
        calibrated.unlink()
    monkeypatch.setenv(VARIABLE, f"large={folder}")
    with serving(in_memory(max_body=2**24)) as service:

        def post(name: str, side: int) -> tuple[Service, str]:
            mask = [[int(row < side // 2)] * side for row in range(side)]
            observation = {
                "operator": {"type": "inpaint", "mask": mask},
                "y": [0.5] * (side * (side // 2)),
                "sigma": 0.3,
            }
            chain = {"prior": {"name": name}, "observation": observation, "particles": 4, "chain": {"steps": 4}}
            spec = {"kind": "posterior", **chain, "outputs": ["mean", "std", "log_evidence", "samples"], "seed": 3}
            return service, service.create({**spec, "budget": {"units": 400}})["id"]

        yield post


def test_islands_and_fields_of_a_posterior(drawing: Drawing, look: Open) -> None:
    service, job = drawing("digits", 8)
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    notes = service.get(job)["last_refinement"]["diagnostics"]
    heaviest = max(zip(notes["by_island"]["weight"], notes["by_island"]["island"], strict=True))
    panel = page.locator("section", has=page.get_by_role("heading", name="Evidence, island by island"))
    rows = panel.locator("tbody tr", has=page.locator("th", has_text="#"))  # the chart's legend is a table too
    expect(rows.first.locator("th")).to_have_text(f"#{heaviest[1]}")
    expect(rows.first).to_contain_text("%")
    for title in ("Mean", "Standard deviation"):
        expect(page.get_by_role("img", name=re.compile(f"^{title}: 8 by 8 values"))).to_be_visible()
    expect(page.locator(".samples canvas").first).to_be_visible()


def test_a_field_too_large_for_events_is_read_from_its_file(drawing: Drawing, look: Open) -> None:
    service, job = drawing("large", SIDE)
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    last = service.get(job)["last_refinement"]
    assert len(last["estimate"]["value"]) < SIDE * SIDE < last["arrays"]["outputs"]
    mean = page.get_by_role("img", name=re.compile(f"^Mean: {SIDE} by {SIDE} values"))
    expect(mean).to_be_visible(timeout=PATIENCE)
    pixels = mean.evaluate(PIXELS)
    assert len({tuple(pixels[i : i + 4]) for i in range(0, len(pixels), 4)}) > 20, "a field, and not one colour"
    expect(page.get_by_text("out of the file of the newest look")).to_be_visible()
