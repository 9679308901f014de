"""The main job, from nothing to a corrected answer: `make demo`.

Starts the whole service on this machine (Valkey, Ray, Serve), posts a trained surrogate of viscous Burgers in 20
dimensions at 200 points, shows the answer sharpening, and then does what no service can do: compares with the exact
solution, which only this script knows. Ends by itself and leaves nothing running.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from burnish import Burnish
from burnish.wire import Job, SurrogateSpec
from burnish.wire.specs.surrogate import Point
from burnish_service.child import serving
from burnish_workers.kinds.surrogate.references import viscous_burgers
from burnish_workers.kinds.surrogate.trained import trained_models
from burnish_workers.tensors.cards import load_card

MODEL = "viscous-burgers-pinn-d20"


def main() -> int:
    """Run the demo; the exit code is 0 if the corrected answer is better than the surrogate's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="budget of the job")
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--model", default=MODEL, choices=sorted(trained_models()))
    arguments = parser.parse_args()
    print("$ burnish-server serve   (store, Ray workers and HTTP on this machine; about 15 s)", flush=True)
    with tempfile.TemporaryDirectory(prefix="burnish-demo-") as folder, serving(Path(folder)) as url:
        watch(url, arguments.model, arguments.points, arguments.seconds)
        with Burnish(url) as client:
            job = client.list(limit=1).data[0].snapshot
        better = compare(job, arguments.model)
    print("\nThe service has stopped. Next: `make serve`, and the README.")
    return 0 if better else 1


def watch(url: str, model: str, points: int, seconds: float) -> None:
    """`burnish run surrogate`, as a user would."""
    options = [
        "--problem",
        "viscous-burgers",
        "--surrogate",
        model,
        "--points",
        str(points),
        "--seconds",
        f"{seconds:g}",
    ]
    options += ["--seed", "7", "--point-seed", "1"]
    print(f"\n$ burnish run surrogate {' '.join(options)}", flush=True)
    environment = {**os.environ, "BURNISH_BASE_URL": url}
    subprocess.run(
        [sys.executable, "-c", "from burnish.cli import main; main()", "run", "surrogate", *options],
        env=environment,
        check=True,
    )


def compare(job: Job, model: str) -> bool:
    """The exact error of the corrected answer beside the surrogate's own."""
    import torch

    spec, last = job.spec, job.last_refinement
    if not isinstance(spec, SurrogateSpec) or last is None or not isinstance(spec.points, list):
        raise SystemExit(f"the job ended without an answer: {job.status}")
    t = np.array([p.t for p in spec.points])
    x = np.array([p.x for p in spec.points if isinstance(p, Point)])
    truth = viscous_burgers(t, x)
    field = load_card(trained_models()[model].path)
    surrogate = field.value(torch.tensor(t, dtype=torch.float32), torch.tensor(x, dtype=torch.float32)).double().numpy()
    corrected = np.array(last.estimate.value, dtype=float)
    errors = {"surrogate": surrogate - truth, "corrected": corrected - truth}
    scale = float(np.linalg.norm(truth))
    print(f"\nExact solution (known to this script, not to the service): sigmoid(t + sum x) at {len(t)} points")
    for name, error in errors.items():
        print(f"  {name:<10} relative L2 error {np.linalg.norm(error) / scale:.2e}   worst {np.abs(error).max():.2e}")
    gain = float(np.linalg.norm(errors["surrogate"]) / np.linalg.norm(errors["corrected"]))
    print(f"  {gain:.0f} times closer, in {last.spent.seconds:.1f} s, without retraining")
    if last.interval is not None:
        lower, upper = (np.array(v, dtype=float) for v in (last.interval.lower, last.interval.upper))
        certified = np.isfinite(lower)
        inside = int(((lower <= truth) & (truth <= upper))[certified].sum())
        what = f"final intervals ({last.interval.level:.0%}, joint over all looks)"
        print(f"  {what} hold at {inside} of {certified.sum()} points")
    return gain > 1


if __name__ == "__main__":
    sys.exit(main())
