"""A trained network is corrected at two points, with the Python client: follow it, think longer, replay it."""

from __future__ import annotations

from burnish import Burnish


def main() -> None:
    """Against the service at BURNISH_BASE_URL, by default the one on this machine."""
    with Burnish() as client:
        job = client.surrogate(
            problem="viscous-burgers",
            surrogate="viscous-burgers-pinn-d20",
            points=[[0.0] * 20, [0.1] * 20],
            budget={"seconds": 2},
            seed=7,
        )
        for refinement in job.refinements():
            print(refinement.blocks, refinement.estimate.value, refinement.interval and refinement.interval.lower)
        job.extend(seconds=1).wait()
        print("thought longer:", job.estimate, job.interval)
        again = client.submit(job.snapshot.resolved or {}).wait()  # what the service resolved it to, with its seed
        print("replayed:", again.estimate)


if __name__ == "__main__":
    main()
