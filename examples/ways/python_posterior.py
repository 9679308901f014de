"""The exact posterior of a prior with two modes, with the Python client: named parts of the answer, and its samples."""

from __future__ import annotations

from burnish import Burnish


def main() -> None:
    """Against the service at BURNISH_BASE_URL, by default the one on this machine."""
    with Burnish() as client:
        job = client.posterior(
            prior={"mixture": {"means": [[-2, 0], [2, 0]], "variance": 0.5}},
            observation={"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
            chain={"steps": 20},
            outputs=["mean", "std", "log_evidence", "samples"],
            budget={"units": 100_000},
            seed=7,
        ).wait()
        for name in ("mean", "std", "log_evidence"):
            part = job.part(name)
            print(name, part.value, "in", part.lower, part.upper)
        print("samples.safetensors:", len(job.artifact("samples")), "bytes")


if __name__ == "__main__":
    main()
