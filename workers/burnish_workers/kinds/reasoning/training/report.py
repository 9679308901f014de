"""The tables of a card: what the model is, how often it is right alone, how good its value head is. No torch."""

from __future__ import annotations

from typing import Any


def report(name: str, card: dict[str, Any]) -> str:
    """Markdown."""
    found, success = card["calibration"], card["calibration"]["success"]
    interval = f"{success['mean']:.3f} ({success['lower']:.3f} to {success['upper']:.3f})"
    drawn = f"{success['prompts']} held-out prompts, {success['rollouts'] // success['prompts']} rollouts each"
    made = f"{card['parameters']:,} weights, {card['cpu_seconds']} CPU-seconds"
    lines = [
        f"`{name}`: {made}. Right alone: {interval}, {drawn}.",
        "",
        "| steps | prefixes | right | AUC | calibration error | mean V > share right, by fifths of V |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_row, found["depths"])])


def _row(depth: dict[str, Any]) -> str:
    area = "-" if depth["auc"] is None else f"{depth['auc']:.2f}"
    bins = ", ".join(f"{each['value']:.2f} > {each['right']:.2f}" for each in depth["bins"])
    cells = [depth["depth"], f"{depth['prefixes']:,}", f"{depth['right']:.3f}", area]
    return "| " + " | ".join(map(str, [*cells, f"{depth['calibration_error']:.3f}", bins])) + " |"
