"""The whole benchmark of kind `surrogate`: runs what is missing, writes results, tables and figures.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/report.py            # about 40 CPU-minutes; goes on where it was
    python benchmarks/surrogate/report.py --draw                       # tables and figures from the committed results

Tables go between the marks of docs/benchmarks.md, figures to docs/images. To begin anew remove `.cells` beside this
file. Models come from `train_models.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cells import KEPT, Cell
from pages import Page, run, table
from plots import draw

FILE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PARTS = ("accuracy", "coverage", "tolerance", "unseen", "single", "budget", "ablation")


def _error(pair: list[float]) -> str:
    return f"{pair[0]:.1e} ± {pair[1]:.0e}"


def _arrows(values: list[float] | None) -> str:
    return "—" if values is None else " → ".join(f"{value:.1e}" for value in values)


def accuracy(rows: list[Cell]) -> str:
    heads = [
        "case",
        "surrogate",
        "plain",
        "corrected",
        "corrected / surrogate",
        "shrunk",
        "published: surrogate → plain → corrected",
    ]
    heads += ["method", "evaluations", "CPU-s: training; 1,000 points"]
    return table(
        heads,
        [
            [
                row["case"],
                f"{row['surrogate'][0]:.1e}",
                f"{row['plain'][0]:.1e}",
                _error(row["corrected"]),
                f"{row['ratio'][0]:.3f}",
                f"{row['shrunk'][0]:.1e}",
                _arrows(row["published"]),
                ", ".join(row["methods"]),
                str(row["evaluations"]),
                f"{_seconds(row['train_seconds'])}; {row['seconds_per_1000_points']:.1f}",
            ]
            for row in rows
        ],
    )


def coverage(rows: list[Cell]) -> str:
    heads = ["case", "method", "R", "points", "covered", "looks refused", "bias / half-width", "error / surrogate's"]
    return table(
        heads,
        [
            [
                row["case"],
                ", ".join(row["methods"]),
                str(row["replicates"]),
                f"{row['points']:,}",
                f"{row['covered']:.3f}",
                f"{row['refused']:.1%}",
                f"{row['bias_share']:.2f}",
                f"{row['ratio']:.3f}",
            ]
            for row in rows
        ],
    )


def tolerance(rows: list[Cell]) -> str:
    heads = [
        "case",
        "asked, of the surrogate's error",
        "jobs that met it",
        "ended by",
        "points within",
        "median",
        "largest",
    ]
    return table(
        [*heads, "half-width", "worker-s"],
        [
            [
                row["case"],
                f"{row['asked']:g}",
                f"{row['met']} of {row['jobs']}",
                ", ".join(row["stopped_by"]),
                "—" if row["within"] is None else f"{row['within']:.0%} of {row['points']}",
                *(_optional(row[name]) for name in ("error_median", "error_largest", "half_width")),
                f"{row['worker_seconds']:.1f}",
            ]
            for row in rows
        ],
    )


def _optional(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


def unseen(rows: list[Cell]) -> str:
    heads = ["equation", "d", "surrogate", "its error", "error", "ratio", "method", "covered", "looks refused"]
    return table(
        heads,
        [
            [
                row["equation"],
                str(row["dim"]),
                "wrong" if row["surrogate"] == "surrogate" else "none",
                f"{row['surrogate_error']:.1e}",
                f"{row['error']:.1e}",
                f"{row['error'] / row['surrogate_error']:.3f}",
                ", ".join(row["methods"]),
                f"{row['covered']:.3f}",
                f"{row['refused']:.1%}",
            ]
            for row in rows
        ],
    )


def budget(rows: list[Cell]) -> str:
    heads = ["case", "training alone: CPU-s → error", "training and simulating: CPU-s → error", "slopes", "gain"]
    return table(
        heads,
        [
            [
                row["case"],
                _curve(row["train_seconds"], row["surrogate"]),
                _curve(row["total_seconds"], row["corrected"]),
                f"{row['slopes']['surrogate']:.2f}, {row['slopes']['corrected']:.2f}",
                f"{row['slopes']['surrogate'] - row['slopes']['corrected']:.2f}",
            ]
            for row in rows
        ],
    )


def _curve(seconds: list[float], errors: list[float]) -> str:
    return "; ".join(f"{s:.1f} → {e:.1e}" for s, e in zip(seconds, errors, strict=True))


def single(rows: list[Cell]) -> str:
    heads = ["case", "method", "R", "CPU-s", "half-width", "of which bias", "error"]
    return table(
        heads,
        [
            [
                row["case"],
                row["method"],
                f"{look['replicates']:,}",
                f"{look['seconds']:.2f}",
                f"{look['half_width']:.3%}" if look["published"] else "refused",
                f"{look['bias']:.4%}",
                f"{look['error']:+.4%}",
            ]
            for row in rows
            for look in row["looks"]
        ],
    )


def ablation(rows: list[Cell]) -> str:
    heads = ["case", "variant", "corrected / surrogate", "range over seeds", "evaluations"]
    return table(
        heads,
        [
            [
                row["case"],
                row["variant"],
                f"{row['ratio']:.3f}",
                f"{row['least']:.3f} to {row['most']:.3f}",
                str(row["evaluations"]),
            ]
            for row in rows
        ],
    )


TABLES: dict[str, Callable[[list[Cell]], str]] = {
    "accuracy": accuracy,
    "coverage": coverage,
    "tolerance": tolerance,
    "unseen": unseen,
    "single": single,
    "budget": budget,
    "ablation": ablation,
}


PAGE = Page(FILE, TABLES)
written = PAGE.written


if __name__ == "__main__":
    run(__doc__, PAGE, KEPT, PARTS, draw)
