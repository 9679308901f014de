"""The form: what it asks, what it makes of it, and what is wrong said where it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.service.harness import QUICK, Service

from .conftest import Open, at, badge

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROUND_TRIPS = """async () => {
  const { SpecForm } = await import('./dashboard/form/form.js');
  const { api } = await import('./dashboard/api.js');
  const [kinds, catalogue] = await Promise.all([api.kinds(), api.catalogue()]);
  const found = [];
  for (const info of kinds.data) {
    for (const example of info.examples) {
      const form = new SpecForm(info, catalogue.data);
      form.fill(example);
      found.push([example, form.read()]);
    }
  }
  return found;
}"""


def written(page: Page) -> Any:
    """The job as its JSON tab has it."""
    page.get_by_role("tab", name="JSON").click()
    found = json.loads(page.get_by_label("The job, as it is posted").input_value())
    page.get_by_role("tab", name="Form").click()
    return found


def test_every_example_comes_out_as_it_went_in(service: Service, look: Open) -> None:
    for example, read in look(at(service, "/new")).page.evaluate(ROUND_TRIPS):
        assert read["errors"] == []
        assert read["spec"] == example


def test_rows_names_and_choices_become_the_spec(service: Service, look: Open) -> None:
    page = look(at(service, "/new")).page
    page.get_by_label("Kind", exact=True).select_option("surrogate")
    page.get_by_role("button", name="Add a point").click()
    points = page.locator(".repeated > li")
    expect(points).to_have_count(3)
    points.nth(2).get_by_label(re.compile("^x")).fill("0.1, 0.2")
    points.nth(2).get_by_label("t", exact=True).fill("0.125")
    page.get_by_role("button", name="Remove point 0").click()
    expect(page.get_by_role("button", name="Remove point 0")).to_be_focused()
    page.locator("select[name=name]").first.select_option("hjb-log")
    page.get_by_label("dimension").fill("2")
    page.get_by_label(re.compile("^surrogate")).select_option(label="zero surrogate")
    page.get_by_label("seconds", exact=True).fill("")
    page.get_by_label("absolute tolerance").fill("1e-2")
    spec = written(page)
    assert spec["problem"] == {"name": "hjb-log", "dim": 2}
    assert spec["surrogate"] == {"zero": True}
    assert spec["points"] == [{"t": 0.25, "x": 0.02}, {"t": 0.125, "x": [0.1, 0.2]}]
    assert spec["budget"] == {"abs_tol": 0.01}


def test_json_and_form_say_the_same(service: Service, look: Open) -> None:
    """What is written in one is there in the other, and what is no JSON keeps its tab."""
    page = look(at(service, "/new")).page
    page.get_by_label("Kind", exact=True).select_option("surrogate")
    page.get_by_role("tab", name="JSON").click()
    text = page.get_by_label("The job, as it is posted")
    given = json.loads(text.input_value())
    text.fill("{")
    page.get_by_role("tab", name="Form").click()
    expect(page.get_by_role("alert")).to_contain_text("this is no JSON")
    expect(page.get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")
    text.fill(json.dumps({**given, "seed": 11, "own": {"kept": [1]}}))
    page.get_by_role("tab", name="JSON").press("ArrowLeft")
    expect(page.get_by_role("tab", name="Form")).to_be_focused()
    expect(page.get_by_label("seed", exact=True)).to_have_value("11")
    assert written(page) == {**given, "seed": 11, "own": {"kept": [1]}}


def test_what_is_wrong_is_said_beside_the_field(service: Service, look: Open) -> None:
    seen = look(at(service, "/new"))
    page = seen.page
    page.get_by_label("Kind", exact=True).select_option("surrogate")
    time = page.locator(".repeated > li").nth(1).get_by_label("t", exact=True)
    time.fill("7")
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_role("alert")).to_contain_text("/points/1/t")
    expect(time).to_have_attribute("aria-invalid", "true")
    expect(time).to_be_focused()
    time.fill("0.25")
    first = page.locator(".repeated > li").first.get_by_label(re.compile("^x"))
    first.fill("1, two")
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_role("alert")).to_contain_text("“two” is no number")
    expect(first).to_be_focused()
    page.get_by_role("button", name="hjb-log, d = 100").click()
    page.get_by_role("tab", name="JSON").click()
    text = page.get_by_label("The job, as it is posted")
    text.fill(text.input_value().replace("hjb-log", "hjb-lag"))
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_role("alert")).to_contain_text("hjb-log")
    seen.forgive("422")


def test_the_cost_is_told_before_it_is_paid(service: Service, look: Open) -> None:
    page = look(at(service, "/new")).page
    page.get_by_label("Kind", exact=True).select_option("correlated")
    page.get_by_label("units", exact=True).fill("2048")
    page.get_by_label("absolute tolerance").fill("1e-6")
    page.get_by_role("button", name="What would it cost?").click()
    cost = page.locator(".sending [role=status]")
    expect(cost).to_contain_text("worst half-width")
    expect(cost).to_contain_text("is not within the budget")
    before = service.jobs()
    page.get_by_label("absolute tolerance").fill("")
    expect(cost).to_be_empty()
    page.get_by_role("button", name="Create job").click()
    badge(page, "completed")
    assert len(service.jobs()) == len(before) + 1


def test_a_job_is_asked_again(service: Service, look: Open) -> None:
    """What it spelt out of its defaults stays folded away, and is still what is sent."""
    job = service.run({**QUICK, "level": 0.9})["id"]
    page = look(at(service, f"/jobs/{job}")).page
    badge(page, "completed")
    page.get_by_role("button", name="Ask again").click()
    question = page.locator("fieldset.part", has_text="Question")
    expect(question.get_by_label("level")).to_have_value("0.9")
    expect(question.get_by_label("weight")).to_have_count(0)
    page.get_by_label("units", exact=True).fill("512")
    page.get_by_role("button", name="Create job").click()
    expect(page.locator(".head .id")).not_to_have_text(job)
    badge(page, "completed")
    again = service.get(page.locator(".head .id").inner_text())
    first = service.get(job)["spec"]
    assert again["spec"] == {**first, "budget": {**first["budget"], "units": 512}}
