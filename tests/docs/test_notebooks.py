"""The notebooks are pages of what their scripts printed and drew: the pages hold the scripts, and these run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.tools import notebooks, stage

SCRIPTS = sorted(notebooks.SCRIPTS.glob("*.py"))
NAMES = [script.stem for script in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=NAMES)
def test_the_page_is_of_this_script(script: Path) -> None:
    page = notebooks.PAGES / f"{script.stem}.md"
    text = page.read_text("utf-8")
    found = list(notebooks.cells(script))
    written = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert written == [cell for is_code, cell in found if is_code], f"python -m docs.tools.notebooks {script.stem}"
    assert all(cell in stage.FENCE.sub("", text) for is_code, cell in found if not is_code)
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (page.parent / picture).stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=NAMES)
@pytest.mark.filterwarnings("default")  # notebooks are for readers: what plotting libraries warn of is not theirs
def test_it_runs(script: Path, tmp_path: Path) -> None:
    assert "```text" in notebooks.executed(script, tmp_path)
    assert list(tmp_path.glob("*.svg"))
