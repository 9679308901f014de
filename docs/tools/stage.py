"""Lays out what the site is built from: the pages of docs/, and files that live beside the code they are about.

`python -m docs.tools.stage` fills build/docs, from which `zensical build --strict` makes build/site. Links are written
for readers of the repository; those that lead out of docs/ are turned to where the site has the same text.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STAGE = ROOT / "build" / "docs"
BESIDE: Mapping[str, str] = {
    "workers/burnish_workers/kinds/surrogate/README.md": "theory/surrogate.md",
    "workers/burnish_workers/kinds/posterior/README.md": "theory/posterior.md",
    "workers/burnish_workers/kinds/posterior/assimilation/README.md": "theory/assimilation.md",
    "workers/burnish_workers/kinds/reasoning/README.md": "theory/reasoning.md",
    "service/README.md": "operate/service.md",
    "deploy/README.md": "operate/deploying.md",
    "loadtests/README.md": "operate/load-tests.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
}
"""Files of the repository -> pages of the site."""
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#]*)(#[^)\s]*)?(\))")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


class Astray(ValueError):
    """A link leads nowhere, or to what the site does not have."""


def main() -> None:
    """Fill build/docs anew."""
    shutil.rmtree(STAGE, ignore_errors=True)
    for source, target in pages().items():
        place = STAGE / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".md"):
            place.write_text(turned((ROOT / source).read_text("utf-8"), source), "utf-8")
        elif source.endswith((".py", ".sh")):
            place.write_text(listing(source), "utf-8")
        else:
            shutil.copyfile(ROOT / source, place)
    (ROOT / "build" / "site.toml").write_text(config(), "utf-8")


def pages() -> dict[str, str]:
    """Every file of the site: where it is in the repository -> where on the site."""
    found = dict(BESIDE)
    for path in sorted((ROOT / "docs").rglob("*")):
        name = str(path.relative_to(ROOT / "docs"))
        if path.suffix in (".md", ".svg", ".png", ".json", ".ico", ".css", ".gif", ".webp", ".jpg"):
            found[f"docs/{name}"] = name
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.suffix in (".py", ".sh"):
            name = str(path.relative_to(ROOT))
            found[name] = name.replace(".", "-") + ".md"
    return found


def turned(text: str, source: str) -> str:
    """The text with its links as the site needs them. Raises Astray."""
    known, folder, target = pages(), posixpath.dirname(source), pages()[source]

    def turn(link: re.Match[str]) -> str:
        opening, path, anchor, closing = link.groups()
        if not path or re.match(r"[a-z]+:", path):
            return link[0]
        leads = posixpath.normpath(posixpath.join(folder, path))
        if leads == "docs/decisions":
            leads = "docs/decisions/README.md"
        if leads not in known:
            there = "it does not exist" if not (ROOT / leads).exists() else "the site does not have it"
            raise Astray(f"{source}: the link to {path!r} leads to {leads}: {there}")
        return opening + posixpath.relpath(known[leads], posixpath.dirname(target)) + (anchor or "") + closing

    return "".join(part if code else LINK.sub(turn, part) for code, part in _parts(text))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces: (whether it is a block of code, piece)."""
    end = 0
    for fence in FENCE.finditer(text):
        yield False, text[end : fence.start()]
        yield True, fence[0]
        end = fence.end()
    yield False, text[end:]


def listing(source: str) -> str:
    """An example as a page: what it says of itself, then its code."""
    code = (ROOT / source).read_text("utf-8")
    if source.endswith(".py"):
        words, language = ast.get_docstring(ast.parse(code)) or "", "python"
    else:
        words = "\n".join(line[2:] for line in code.splitlines()[1:] if line.startswith("# "))
        language = "bash"
    return f"# {source}\n\n{words}\n\n```{language}\n{code.rstrip()}\n```\n"


def config() -> str:
    """The configuration of the site, beside the pages: docs/site.toml, its navigation without pages that are not there
    yet, and with those that nobody has put in it under More."""
    site = tomllib.loads((ROOT / "docs" / "site.toml").read_text("utf-8"))["project"]
    there = {target for target in pages().values() if target.endswith(".md")}
    more = sorted(
        page for page in there - set(listed(site["nav"])) if not page.startswith(("decisions/0", "examples/"))
    )
    nav = _present(site["nav"], there) + ([{"More": more}] if more else [])
    text = (ROOT / "docs" / "site.toml").read_text("utf-8")
    head, tail = text.index("nav = ["), text.index("\n]\n") + 3
    return f"{text[:head]}nav = {_toml(nav)}\n{text[tail:]}"


def listed(nav: Any) -> Iterator[str]:
    """All pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from listed(part)


def _present(nav: Any, there: set[str]) -> Any:
    if isinstance(nav, dict):
        kept = {name: _present(part, there) for name, part in nav.items()}
        return {name: part for name, part in kept.items() if part}
    if isinstance(nav, list):
        return [part for part in (_present(part, there) for part in nav) if part]
    return nav if nav in there else ""


def _toml(nav: Any) -> str:
    if isinstance(nav, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(part)}" for name, part in nav.items()) + " }"
    return f"[{', '.join(_toml(part) for part in nav)}]" if isinstance(nav, list) else json.dumps(nav)


if __name__ == "__main__":
    try:
        main()
    except Astray as error:
        sys.exit(f"docs: {error}")
