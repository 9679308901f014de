"""A real browser against a real service. One browser for all tests, a fresh context for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.service.harness import Service, in_memory, serving

PATIENCE = 180_000
"""Milliseconds: browsers are slow on busy machines."""

expect.set_options(timeout=PATIENCE)


@dataclass
class Look:
    """A page, and what it complained of: errors of scripts, messages of the console, files that did not come."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def forgive(self, part: str) -> None:
        """Browsers report every answer above 399 themselves: those that a test provokes are expected."""
        assert any(part in text for text in self.complaints), f"nobody complained of {part!r}: {self.complaints}"
        self.complaints = [text for text in self.complaints if part not in text]


Open = Callable[..., Look]
"""Opens a page by its address."""

BADGE = ".head .badge"


def at(service: Service | str, path: str) -> str:
    return f"{service if isinstance(service, str) else service.url}/#{path}"


def badge(page: Page, text: str, timeout: float = PATIENCE) -> None:
    """Wait until the job's page says that it is `text`."""
    expect(page.locator(BADGE)).to_have_text(text, timeout=timeout)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("BURNISH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("no Chromium: `apt-get install chromium`, or BURNISH_CHROMIUM=/path/to/it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """`max_body` as in production: examples carry masks."""
    with serving(in_memory(max_body=2**24)) as service:
        yield service


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Look]]:
    """Opens pages; at the end of the test none of them has complained."""
    looks: list[Look] = []

    def open_page(url: str, **context: Any) -> Look:
        page = browser.new_context(viewport={"width": 1240, "height": 900}, **context).new_page()
        page.set_default_timeout(PATIENCE)
        seen = Look(page)
        looks.append(seen)
        page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.goto(url)
        return seen

    yield open_page
    complaints = [text for seen in looks for text in seen.complaints]
    for seen in looks:
        seen.page.context.close()
    assert complaints == []
