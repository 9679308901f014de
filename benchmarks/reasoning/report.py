"""The whole benchmark of kind `reasoning`: runs what is missing, writes results, tables and figures.

    OMP_NUM_THREADS=1 python benchmarks/reasoning/report.py            # goes on where it was
    python benchmarks/reasoning/report.py --draw                       # tables and figures from the committed results

Tables go between the marks of docs/benchmarks-reasoning.md, figures to docs/images. To begin anew remove `.cells`
beside this file. its_hub (`hub.py`) is left out where it is not installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from cells import KEPT, Cell
from pages import Page, run, table
from plots import draw

FILE = Path(__file__).parents[2] / "docs" / "benchmarks-reasoning.md"
PARTS = ("success", "distance", "gauge", "coverage", "early", "decode")
BESIDE = "hub"


def _difference(mean: float, limits: list[float]) -> str:
    return f"{100 * mean:+.1f} ({100 * limits[0]:+.1f} to {100 * limits[1]:+.1f})"


def success(name: str) -> Callable[[list[Cell]], str]:
    """The table of a task."""

    def made(rows: list[Cell]) -> str:
        results = KEPT.published(name)
        assert results is not None
        budgets = results["budgets"]
        middle = len(budgets) // 2
        heads = [
            "method",
            *(f"{budget:,} tokens" for budget in budgets),
            f"points over best_of_n at {budgets[middle]:,}",
        ]
        last = f"at {budgets[-1]:,}"
        lines = [
            [
                f"`{row['method']}`",
                *(f"{share:.3f}" for share in row["success"]),
                *(_difference(row["gain"][k], row["limits"][k]) for k in (middle, -1)),
            ]
            for row in rows
        ]
        return table([*heads, last], lines)

    return made


def distance(rows: list[Cell]) -> str:
    heads = ["method", *(f"{tokens:,}" for tokens in rows[0]["tokens"][::2]), f"{rows[0]['tokens'][-1]:,}"]
    lines = [
        [
            f"`{row['method']}`",
            *(f"{each:.4f}" for each in row["distance"][::2]),
            f"{row['distance'][-1]:.4f}",
            f"{row['slope']:.2f}",
            f"{row['floor']:.4f}",
        ]
        for row in rows
    ]
    return table([*heads, "slope", "all runs together"], lines)


def gauge(rows: list[Cell]) -> str:
    heads = ["steps", "exact error of V, rms of logs", "gauge minus exact, rms", "Spearman's correlation"]
    lines = [[row["depth"], f"{row['exact']:.3f}", f"{row['off']:.3f}", f"{row['spearman']:.2f}"] for row in rows]
    return table(heads, lines)


def coverage(rows: list[Cell]) -> str:
    heads = [
        "task",
        "jobs",
        "all intervals hold at the end",
        "95 % limits",
        "at all looks",
        "mean half-width",
        "tokens",
    ]
    lines = [
        [
            row["task"],
            f"{row['jobs']:,}",
            f"{row['covered']:.3f}",
            f"{row['limits'][0]:.3f} to {row['limits'][1]:.3f}",
            f"{row['all_looks']:.3f}",
            f"{row['half_width']:.3f}",
            f"{row['tokens']:,.0f}",
            str(row["refused"]),
        ]
        for row in rows
    ]
    return table([*heads, "refused"], lines)


def early(rows: list[Cell]) -> str:
    heads = ["task", "jobs", "decided", "tokens to the end", "saved", "leader right where stopped", "at the end"]
    lines = [
        [
            row["task"],
            str(row["jobs"]),
            f"{row['decided']:.1%}",
            f"{row['tokens']:,.0f}",
            f"{row['saved']:.1%}",
            f"{row['right_stopped']:.3f}",
            f"{row['right_at_end']:.3f}",
        ]
        for row in rows
    ]
    return table(heads, lines)


def hub(rows: list[Cell]) -> str:
    heads = ["task", "its_hub", "N", "tokens", "answered right", "95 % limits"]
    lines = [
        [
            row["task"],
            f"`{row['method']}`",
            str(row["N"]),
            f"{row['tokens']:,.0f}",
            f"{row['success']:.3f}",
            f"{row['limits'][0]:.3f} to {row['limits'][1]:.3f}",
        ]
        for row in rows
    ]
    return table(heads, lines)


def decode(rows: list[Cell]) -> str:
    heads = ["way", "tokens per CPU second", "of `generate`", "places in use"]
    used = ["-" if row["used"] is None else f"{row['used']:.2f}" for row in rows]
    lines = [[row["way"], f"{row['rate']:,.0f}", f"{row['ratio']:.2f}", u] for row, u in zip(rows, used, strict=True)]
    return table(heads, lines)


TABLES: dict[str, Callable[[list[Cell]], str]] = {
    **{name: success(name) for name in ("subset_sum", "dyck", "dyck_constant", "arithmetic")},
    "distance": distance,
    "gauge": gauge,
    "coverage": coverage,
    "early": early,
    "hub": hub,
    "decode": decode,
}

PAGE = Page(FILE, TABLES)
written = PAGE.written


if __name__ == "__main__":
    there = importlib.util.find_spec("its_hub") is not None
    run(__doc__, PAGE, KEPT, (*PARTS, BESIDE) if there else PARTS, draw)
