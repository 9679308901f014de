"""What axe-core finds: nothing serious on any page, in light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.service.harness import Service, blocks_of

from .conftest import Open, at, badge

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GRAVE = {"serious", "critical"}


def found(page: Page) -> list[str]:
    """Grave violations with the elements they are about."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in violations
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(service: Service, look: Open, scheme: str) -> None:
    job = service.run(blocks_of(64))["id"]
    page = look(at(service, "/"), color_scheme=scheme).page
    expect(page.locator("tr", has_text=job)).to_be_visible()
    assert found(page) == []
    page.goto(at(service, f"/jobs/{job}"))
    badge(page, "completed")
    page.get_by_text("The numbers of every look").click()
    page.get_by_text("What was asked, and how it was resolved").click()
    assert found(page) == []
    page.goto(at(service, "/cluster"))
    expect(page.locator(".devices li")).to_be_visible()
    assert found(page) == []


@pytest.mark.parametrize("kind", ["surrogate", "posterior", "reasoning"])
def test_no_form_keeps_anybody_out(service: Service, look: Open, kind: str) -> None:
    """With everything open, in a narrow window."""
    page = look(at(service, "/new")).page
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_label("Kind", exact=True).select_option(kind)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert found(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "it fits"
    page.get_by_role("tab", name="JSON").click()
    assert found(page) == []


def test_the_watch_sees_what_is_wrong(service: Service, look: Open) -> None:
    page = look(at(service, "/nowhere")).page
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert any(text.startswith("label: ") for text in found(page))
