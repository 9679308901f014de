"""Assimilation beside its peers: particle-steps per second (`particles`), accuracy on Lorenz systems (DAPPER).

    python benchmarks/posterior/assimilation.py --peers PYTHON [--parts speed accuracy] [--seeds 3] [--cycles 500]

PYTHON has `particles` and `dapper`; without it the peers' columns stay empty. Ratios are medians over repetitions in
which both sides run one after the other, in seconds of processor time of one thread: the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from assimilation_plot import draw
from cells import rounded

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.kinds.posterior.assimilation.simulator import AssimilationSimulator, build

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "assimilation.json"

REPETITIONS, STEPS = 3, 12
SPEEDS = [(1, 100_000), (1, 1_000), (10, 100_000), (10, 1_000)]

SYSTEMS: dict[str, dict[str, Any]] = {
    "lorenz63": {
        "dynamics": {"name": "lorenz63", "substeps": 25},
        "observe": {"noise": 2.0},
        "covariance": 2.0,
        "burnt": 16,
    },
    "lorenz96": {
        "dynamics": {"name": "lorenz96", "dt": 0.05},
        "observe": {"indices": [0, 2, 4, 6, 8], "noise": 1.5},
        "covariance": 0.5,
        "burnt": 80,
    },
}
CONTESTS: list[tuple[str, str, int, dict[str, Any], dict[str, Any]]] = [
    ("lorenz63", "particles", 100, {"method": "bootstrap", "jitter": 1.0, "ess": 0.3}, {"reg": 2.4, "NER": 0.3}),
    ("lorenz63", "particles", 800, {"method": "bootstrap", "jitter": 0.6, "ess": 0.5}, {"reg": 0.9, "NER": 0.2}),
    ("lorenz63", "enkf", 10, {"method": "enkf", "inflation": 1.04}, {"infl": 1.04}),
    ("lorenz63", "enkf", 100, {"method": "enkf", "inflation": 1.01}, {"infl": 1.01}),
    ("lorenz63", "etkf", 10, {"method": "etkf", "inflation": 1.02}, {"infl": 1.02}),
    ("lorenz96", "particles", 800, {"method": "bootstrap", "jitter": 0.6, "ess": 0.5}, {"reg": 0.9, "NER": 0.2}),
    ("lorenz96", "enkf", 40, {"method": "enkf", "inflation": 1.04}, {"infl": 1.04}),
    ("lorenz96", "etkf", 20, {"method": "etkf", "inflation": 1.02}, {"infl": 1.02}),
]
"""System, method, members, our options, DAPPER's (those that it recommends for Lorenz-63)."""


def peer(python: str | None, *task: str) -> dict[str, Any] | None:
    """What the peers' side answers."""
    if python is None:
        return None
    command = [python, str(HERE / "assimilation_peers.py"), *task]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def linear(dim: int, method: str, count: int) -> AssimilationSimulator:
    """x' = .7 x + .1 x_next + N(0, I), all of it seen with variance 1/2."""
    matrix = (0.7 * np.eye(dim) + 0.1 * np.eye(dim, k=1)).tolist()
    posted = {
        "dynamics": {"matrix": matrix, "noise": 1.0},
        "initial": {"mean": [0.0] * dim, "covariance": 5.0},
        "observe": {"noise": 0.5},
        "filter": {"method": method, "particles": count},
    }
    return build(Assimilation.model_validate(posted))


def pace(simulator: AssimilationSimulator) -> float:
    """Particle-steps per second of processor time."""
    data = np.random.default_rng(0).normal(size=(STEPS + 2, simulator.setting.operator.size))
    carry, began = simulator.init(lane_key(1, 0)), 0.0
    for k, y in enumerate(data):
        began = time.process_time() if k == 2 else began
        carry, _ = simulator.advance(carry, block_key(1, 0, k), k, 1, {"observation": y})
    return simulator.setting.filter.particles * STEPS / (time.process_time() - began)


def speeds(python: str | None) -> list[dict[str, Any]]:
    rows = []
    for dim, count in SPEEDS:
        ours: dict[str, list[float]] = {"bootstrap": [], "guided": []}
        theirs: dict[str, list[float]] = {"bootstrap": [], "guided": []}
        for _ in range(REPETITIONS):
            answer = peer(python, "speed", str(dim), str(count), str(STEPS))
            for method in ours:
                ours[method].append(pace(linear(dim, method, count)))
                theirs[method].append(answer[method] if answer else float("nan"))
        for method, values in ours.items():
            ratio = np.median(np.array(values) / np.array(theirs[method]))
            row = {"dim": dim, "particles": count, "method": method, "ours": np.median(values)}
            found = {**row, "particles_package": np.median(theirs[method]), "ratio": ratio}
            rows.append({name: float(v) if isinstance(v, np.floating) else v for name, v in found.items()})
            print(rows[-1], flush=True)
    return rows


def our_error(name: str, file: str, count: int, options: dict[str, Any]) -> dict[str, float]:
    """Mean over time, after the burn-in, of the root mean square error of one island's filtered mean."""
    data, about = np.load(file), SYSTEMS[name]
    posted = {
        "dynamics": about["dynamics"],
        "initial": {"mean": data["start"].tolist(), "covariance": about["covariance"]},
        "observe": about["observe"],
        "filter": {**options, "particles": count},
    }
    simulator = build(Assimilation.model_validate(posted))
    carry, errors, began = simulator.init(lane_key(1, 0)), [], time.process_time()
    for k, (y, x) in enumerate(zip(data["seen"], data["truth"][data["at"]], strict=True)):
        carry, stats = simulator.advance(carry, block_key(1, 0, k), k, 1, {"observation": y})
        errors.append(np.sqrt(np.mean((unflatten(stats)["round"].mean[0] - x) ** 2)))
    return {"rmse": float(np.mean(errors[about["burnt"] :])), "seconds": time.process_time() - began}


def accuracy(python: str | None, seeds: int, cycles: int) -> list[dict[str, Any]]:
    if python is None:
        sys.exit("accuracy needs --peers: the truth and the observations are made by DAPPER")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = {(name, seed): f"{folder}/{name}-{seed}.npz" for name in SYSTEMS for seed in range(1, seeds + 1)}
        for (name, seed), file in files.items():
            peer(python, "simulate", name, str(seed), str(cycles), file)
        for name, method, count, mine, yours in CONTESTS:
            ours = [our_error(name, files[name, seed], count, mine) for seed in range(1, seeds + 1)]
            task = [(name, files[name, seed], method, str(count), json.dumps(yours)) for seed in range(1, seeds + 1)]
            theirs = [peer(python, "filter", *each) or {} for each in task]
            row: dict[str, Any] = {"system": name, "method": method, "members": count, "options": mine}
            for side, found in (("ours", ours), ("dapper", theirs)):
                row[side] = [each["rmse"] for each in found]
                row[f"{side}_seconds"] = sum(each["seconds"] for each in found)
            rows.append(row)
            print(row, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="a Python that has `particles` and `dapper`")
    parser.add_argument("--parts", nargs="+", default=["speed", "accuracy"], choices=["speed", "accuracy"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cycles", type=int, default=500)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found |= {"command": "python benchmarks/posterior/assimilation.py --peers PYTHON", "cycles": given.cycles}
    if "speed" in given.parts:
        found["speed"] = speeds(given.peers)
    if "accuracy" in given.parts:
        found["accuracy"] = accuracy(given.peers, given.seeds, given.cycles)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rounded(found, digits=3), indent=1) + "\n")
    draw(found)


if __name__ == "__main__":
    main()
