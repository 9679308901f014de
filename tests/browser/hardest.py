"""What a page's own work costs: the longest task of its main thread, in CPU time.

By the clock alone a page "stalls" whenever others keep the machine busy, an idle one too. The thread's own time does
not see them: it is what the page computes before it answers the user again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

_TASKS = "disabled-by-default-devtools.timeline"


@dataclass
class Hardest:
    """`task`: milliseconds of CPU of the longest task; `tasks`: how many were seen."""

    task: float = 0.0
    tasks: int = 0


@contextlib.contextmanager
def hardest(browser: Browser, page: Page) -> Iterator[Hardest]:
    """Watch a page while the block runs; the answer is there afterwards."""
    found = Hardest()
    browser.start_tracing(page=page, categories=[_TASKS])
    try:
        yield found
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    spent = [
        e["tdur"] / 1000 for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) in main and "tdur" in e
    ]
    found.task, found.tasks = max(spent, default=0.0), len(spent)
