"""The pages as a whole: links lead somewhere, what is generated is current, everything is in the navigation."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.tools import architecture, reference, stage, variables

from .blocks import MADE, ROOT, pages

EVERY = [*pages(), *(page for folder in MADE for page in (ROOT / "docs" / folder).glob("*.md"))]
LATER = {"dashboard.md", "deploying.md", "security.md"}
"""Places in the navigation for pages that may not be written yet."""
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//""")


@pytest.mark.parametrize("name", reference.MADE)
def test_generated_pages_are_current(name: str) -> None:
    kept = (reference.DOCS / name).read_text("utf-8")
    assert reference.MADE[name]() == kept, f"if the change is meant, run: {reference.UPDATE}"


@pytest.mark.parametrize("page", EVERY, ids=[str(page.relative_to(ROOT)) for page in EVERY])
def test_links_lead_somewhere(page: Path) -> None:
    lost = [link for link in _links(page) if not _leads(page, *link)]
    assert not lost


def _links(page: Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of every link that stays in the repository."""
    for link in stage.LINK.finditer(stage.FENCE.sub("", page.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", link[2]):
            yield link[2], (link[3] or "").removeprefix("#")


def _leads(page: Path, path: str, anchor: str) -> bool:
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """As GitHub and the site make them from headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", stage.FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_site_has_all_that_its_pages_link_to() -> None:
    for source in stage.pages():
        if source.endswith(".md"):
            stage.turned((ROOT / source).read_text("utf-8"), source)


def test_a_link_to_what_the_site_does_not_have_is_an_error() -> None:
    with pytest.raises(stage.Astray, match=r"Makefile: the site does not have it"):
        stage.turned("[make](../Makefile)", "docs/tutorial.md")
    with pytest.raises(stage.Astray, match=r"docs/lost\.md: it does not exist"):
        stage.turned("[lost](lost.md)", "docs/tutorial.md")
    assert stage.turned("[in](../README.md#a) `x`\n```\n[no](no.md)\n```\n", "docs/tutorial.md").startswith(
        "[in](index.md#a)"
    )


def test_every_page_has_a_place_in_the_navigation() -> None:
    listed = list(stage.listed(tomllib.loads((ROOT / "docs" / "site.toml").read_text("utf-8"))["project"]["nav"]))
    there = {name for name in stage.pages().values() if name.endswith(".md")}
    unplaced = {name for name in there - set(listed) if not name.startswith(("decisions/0", "examples/"))}
    assert not unplaced, "give them a place in docs/site.toml"
    assert set(listed) - there <= LATER
    assert len(listed) == len(set(listed))


def test_the_page_on_settings_has_every_variable_that_is_read() -> None:
    read: set[str] = set()
    for top in ("clients", "workers", "service"):
        for path in (ROOT / top).rglob("*.py"):
            read |= set(re.findall(r"""["'](BURNISH_[A-Z_]+)["']""", path.read_text("utf-8")))
    assert len(read) > 5
    assert read <= variables.variables(), "describe them in docs/tools/variables.py"


def test_the_diagram_shows_the_floors() -> None:
    found = architecture.edges()
    assert ("burnish_service", "burnish_workers.engine") in found
    kinds = architecture.FLOORS[architecture.KINDS][1]
    assert not [(a, b) for a, b in found if a in kinds and b in kinds]
    assert not [b for a, b in found if a == "burnish_workers.engine" and b in kinds]


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_nobody_else() -> None:
    pytest.importorskip("zensical", reason="pip install -e '.[docs]'")
    stage.main()
    call = [Path(sys.executable).parent / "zensical", "build", "--strict", "--clean"]
    built = subprocess.run([*call, "--config-file", ROOT / "build" / "site.toml"], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    html = list((ROOT / "build" / "site").rglob("*.html"))
    assert len(html) > 50
    assert not [str(page) for page in html if ELSEWHERE.search(page.read_text("utf-8"))]
