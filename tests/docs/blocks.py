"""The blocks of code in the pages, and how they are run.

Every block of Python, bash, console or JSON is run, unless a comment right before it says why not:

    <!-- not run: it needs a cluster -->     the reason is for readers of the source
    <!-- POST /v1/jobs -->                   JSON: where it is posted
    <!-- first: code -->                     code that is run before, which readers need not see; may be of many lines
    <!-- slow -->                            it takes longer than a fast test may

Python blocks of a page are one program; a console block is what stands behind its prompts. The service that the pages
know as 127.0.0.1:8000 is the one of the test, JOB and job_01J... are a job that it has, and budgets of many seconds
are cut to two, of many tokens to eight thousand, high effort to low: pages are to be true, not to be waited for.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("python", "bash", "console", "json")
WORDS = ("text", "")
MADE = ("reference", "notebooks")
"""Folders of docs/ whose pages are written by programs; notebooks are run by their own test."""
SECONDS, TOKENS = 2, 8_000
PATIENCE = 600
"""Seconds for one program."""
_FENCE = re.compile(r"(?P<before>(?:^<!--(?:(?!-->).)*-->\n)*)^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)
_NOTE = re.compile(r"<!-- (POST|first:|not run:|slow)\s?(.*?)\s*-->", re.S)


@dataclass(frozen=True)
class Block:
    """One block. `notes`: what the comments before it say, by their first word."""

    page: str
    line: int
    language: str
    code: str
    notes: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def run(self) -> bool:
        return self.language in CODE and "not run:" not in self.notes


def pages() -> list[Path]:
    """Every page that is written by hand, the files beside the code included."""
    beside = [path for top in ("clients", "workers", "service", "loadtests") for path in (ROOT / top).rglob("*.md")]
    docs = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name not in MADE]
    return sorted([*ROOT.glob("*.md"), *docs, *beside])


def blocks() -> list[Block]:
    """All blocks of all pages."""
    return [block for page in pages() for block in blocks_of(page)]


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        notes = dict(_NOTE.findall(fence["before"]))
        line = text.count("\n", 0, fence.start("language")) + 1
        yield Block(str(page.relative_to(ROOT)), line, fence["language"], fence["code"], notes)


def commands(console: str) -> str:
    """What is typed in a console block: from each prompt on until the command is whole. The rest is what it answers."""
    typed: list[str] = []
    open_command = ""
    for line in console.splitlines():
        if open_command or line.startswith("$ "):
            open_command += line.removeprefix("$ ") if not open_command else "\n" + line
            if _whole(open_command):
                typed.append(open_command)
                open_command = ""
    if open_command:
        raise ValueError(f"this command has no end: {open_command}")
    return "\n".join(typed) + "\n"


def _whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.endswith("\\")


def program(found: list[Block], url: str, job: str) -> str:
    """The code of blocks of one language, one after another, for this service."""
    parts: list[str] = []
    for block in found:
        code = commands(block.code) if block.language == "console" else block.code
        parts += [block.notes.get("first:", ""), f"# {block.name}", here(code, url, job)]
    return "\n".join(parts)


def here(code: str, url: str, job: str) -> str:
    """Code for this service and this job, with short budgets."""
    code = code.replace("http://127.0.0.1:8000", url).replace("job_01J...", job)
    code = re.sub(r"\bJOB\b", job, code)
    code = code.replace('"effort": "high"', '"effort": "low"')
    for words, most in (
        (r"--seconds |\bseconds=|\"seconds\": ", SECONDS),
        (r"--tokens |\btokens=|\"tokens\": ", TOKENS),
    ):
        code = re.sub(rf"({words})([\d_]+)", lambda m, most=most: f"{m[1]}{min(int(m[2]), most)}", code)
    return code


def execute(language: str, code: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, in `folder`, as a user of the service at `url` would."""
    command = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "BURNISH_BASE_URL": url, "PATH": path, "COLUMNS": "120", "NO_COLOR": "1"}
    environment.pop("BURNISH_EXTRA_KINDS", None)
    # A session of its own: what a page starts must not outlive its test.
    process = subprocess.Popen(
        [*command, code],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
