"""The dashboard's files as the front serves them; what they do in a browser is in tests/browser."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from burnish_service.dashboard import HEADERS, STATIC

from .harness import Service

OWN = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
LONGEST = 200
"""Lines of a module."""


def test_every_file_that_is_asked_for_is_there(memory_service: Service) -> None:
    page = memory_service.client.get("/").text
    asked = set(re.findall(r'(?:src|href)="(dashboard/[^"]+)"', page))
    for path in OWN:
        folder = "dashboard/" + str(path.parent.relative_to(STATIC))
        asked |= {posixpath.normpath(f"{folder}/{name}") for name in re.findall(r' from "(\.[^"]+)"', path.read_text())}
    assert len(asked) > 25
    for name in asked:
        reply = memory_service.client.get(f"/{name}")
        assert reply.status_code == 200, name
        assert HEADERS.items() <= {key.title(): value for key, value in reply.headers.items()}.items(), name


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(STATIC)))
def test_modules_make_no_markup_of_strings_and_ask_nobody_else(path: Path) -> None:
    text = path.read_text()
    assert not MARKUP.search(text)
    assert "://" not in text, "works offline"
    assert len(text.splitlines()) <= LONGEST


def test_other_paths_stay_the_api_s(memory_service: Service) -> None:
    for method, path in (("GET", "/nothing"), ("POST", "/nothing"), ("GET", "/dashboard/nothing.js")):
        reply = memory_service.client.request(method, path)
        assert reply.status_code == 404
        assert reply.headers["content-type"] == "application/problem+json"
