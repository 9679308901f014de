"""How likely is each answer? Chains of steps that back up, with the Python client."""

from __future__ import annotations

from burnish import Burnish


def main() -> None:
    """Against the service at BURNISH_BASE_URL, by default the one on this machine."""
    with Burnish() as client:
        job = client.reasoning(
            problem={"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128},
            budget={"tokens": 4_000},
            early_stop=True,
            seed=7,
        ).wait()
        found = job.reasoned
        if found is None:
            raise SystemExit("no refinement came: the budget was too small")
        for name, chance in found.answers.items():
            print(f"{name}: {chance.value} in {chance.lower} to {chance.upper}")
        print("leader:", found.leader, "- decided" if found.decided else "- not decided yet")
        print("best path:", found.best and found.best.steps)


if __name__ == "__main__":
    main()
