"""`python -m tests.fuzz [--seconds N] [--only NAME ...]`: fuzz the readers, keep what was found, tell how far it got.

What breaks a reader is kept in `tests/fuzz/corpus/TARGET/`, which `make test` replays. Mend the reader; the file stays.
With `--grown FOLDER --distil` nothing is fuzzed: of the inputs there the fewest that reach all they reach are kept too,
as far as they are small.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from .targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
SHARE = 150_000
"""Bytes of a target's corpus beyond which no more is kept of what only reached something."""
MOST_FINDINGS = 10
"""Of one target in one run: by then there is something to mend."""

_STATUS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)", re.MULTILINE)
_PEAK = re.compile(r"stat::peak_rss_mb:\s+(\d+)")
_UNITS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass
class Reached:
    """What came of fuzzing one target. `edges`: of Python bytecode, as libFuzzer counts them."""

    executions: int = 0
    edges: int = 0
    features: int = 0
    peak: int = 0
    seconds: float = 0.0
    findings: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for all targets together; default 600")
    parser.add_argument("--only", nargs="+", choices=sorted(TARGETS), help="default: all")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--grown", type=Path, help="a folder for what was found to reach further; default: thrown away")
    parser.add_argument("--distil", action="store_true", help="keep the best of --grown, and do nothing else")
    arguments = parser.parse_args()
    if arguments.distil:
        for name in arguments.only or list(TARGETS):
            _write(f"{name}: {distil(name, arguments.grown / name)} inputs kept\n")
        return 0
    names, found = arguments.only or list(TARGETS), 0
    with tempfile.TemporaryDirectory(prefix="burnish-fuzz-") as scratch:
        for name in names:
            grown = (arguments.grown or Path(scratch)) / name
            reached = fuzz(name, grown, arguments.seconds / len(names), arguments.seed)
            found += len(reached.findings)
            _say(name, reached)
    return 1 if found else 0


def fuzz(name: str, grown: Path, seconds: float, seed: int) -> Reached:
    """Fuzz one target for so long, going on after findings. `grown`: where inputs that reach something new are put."""
    grown.mkdir(parents=True, exist_ok=True)
    kept = CORPUS / name
    kept.mkdir(parents=True, exist_ok=True)
    for data in TARGETS[name].seeds():
        (grown / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    reached, began = Reached(), time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 1 and len(reached.findings) < MOST_FINDINGS:
        _run(name, [str(grown), str(kept)], left, seed, reached)
    reached.seconds = time.monotonic() - began
    return reached


def distil(name: str, grown: Path) -> int:
    """Keep the fewest inputs that reach what all of `grown` do, smallest first, up to a SHARE. How many those are."""
    with tempfile.TemporaryDirectory(prefix="burnish-fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.guided", name, folder, str(grown), "-merge=1"]
        subprocess.run(command, capture_output=True, check=True)
        best = sorted(Path(folder).iterdir(), key=lambda file: (file.stat().st_size, file.name))
        taken, kept = sum(file.stat().st_size for file in (CORPUS / name).iterdir()), 0
        for file in best:
            taken += file.stat().st_size
            if taken > SHARE:
                break
            shutil.copyfile(file, CORPUS / name / f"reached-{file.name[:16]}")
            kept += 1
    return kept


def _run(name: str, folders: list[str], seconds: float, seed: int, reached: Reached) -> None:
    """One process, until the time is over or something is found."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="burnish-fuzz-") as findings:
        options = {
            "max_total_time": int(seconds),
            "timeout": int(10 * target.seconds),  # wall clock, where much else may run; `check` counts processor time
            "rss_limit_mb": target.memory,
            "max_len": target.longest,
            "seed": seed,
            "print_final_stats": 1,
            "artifact_prefix": f"{findings}/",
        }
        command = [sys.executable, "-m", "tests.fuzz.guided", name, *folders]
        command += [f"-{option}={value}" for option, value in options.items()]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        _read(done.stdout + done.stderr, reached)
        left = sorted(file for file in Path(findings).iterdir() if not file.name.startswith("slow-unit"))
        # An interpreter that ends slowly, after the last run, is met by libFuzzer's alarm without a handler.
        if done.returncode not in (0, -signal.SIGALRM) and not left:
            raise RuntimeError(f"{name}: Atheris ended with code {done.returncode}:\n{done.stderr[-3000:]}")
        for file in left:
            data = file.read_bytes()
            place = CORPUS / name / f"found-{hashlib.sha256(data).hexdigest()[:16]}"
            shutil.copyfile(file, place)
            reached.findings.append((place, _complaint(done.stdout + done.stderr)))


def _read(log: str, reached: Reached) -> None:
    for _, edges, features in _STATUS.findall(log):
        reached.edges, reached.features = max(reached.edges, int(edges)), max(reached.features, int(features))
    units = _UNITS.findall(log) or [number for number, *_ in _STATUS.findall(log)][-1:] or ["0"]
    reached.executions += int(units[-1])
    reached.peak = max(reached.peak, *(int(peak) for peak in _PEAK.findall(log) or ["0"]))


def _complaint(log: str) -> str:
    """The lines of the log that say what happened."""
    lines = log.splitlines()
    starts = [i for i, line in enumerate(lines) if "Uncaught Python exception" in line or "ERROR: libFuzzer" in line]
    return "\n".join(lines[starts[0] : starts[0] + 40]) if starts else log[-1500:]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _say(name: str, reached: Reached) -> None:
    rate = reached.executions / max(reached.seconds, 1e-9)
    _write(
        f"{name}: {reached.executions} executions in {reached.seconds:.0f} s ({rate:.0f}/s), {reached.edges} edges, "
        f"{reached.features} features, peak {reached.peak} MiB, {len(reached.findings)} findings\n"
    )
    for place, complaint in reached.findings:
        _write(f"  {place}\n{complaint}\n")


if __name__ == "__main__":
    sys.exit(main())
