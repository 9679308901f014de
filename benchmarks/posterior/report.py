"""The whole benchmark of kind `posterior`: runs what is missing, writes results, tables and figures.

    OMP_NUM_THREADS=1 python benchmarks/posterior/report.py            # about an hour of CPU; goes on where it was
    python benchmarks/posterior/report.py --draw                       # tables and figures from the committed results

Tables go between the marks of docs/benchmarks-posterior.md, figures to docs/images. To begin anew remove `.cells`
beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cells import KEPT, Cell
from pages import Page, run, table
from plots import draw

FILE = Path(__file__).parents[2] / "docs" / "benchmarks-posterior.md"
PARTS = ("linear_gaussian", "mcgdiff_mixture", "tilted_mixture", "inpainting", "coverage")


def _pair(pair: list[float]) -> str:
    return f"{pair[0]:.3f} ± {pair[1]:.3f}"


def _bounded(value: float, digits: int) -> str:
    """Beyond 1,000 a logarithm tells no more than that."""
    return f"{value:.{digits}f}" if abs(value) < 1_000 else ("> 1,000" if value > 0 else "< -1,000")


def linear_gaussian(rows: list[Cell]) -> str:
    heads = ["sigma", "proposal", "resampling, tempering", "islands", "E Z^/Z", "of four", "mean log Z^/Z"]
    return table(
        [*heads, "sd log Z^", "CPU-ms an island"],
        [
            [
                f"{row['sigma']:g}",
                row["proposal"],
                row["way"],
                f"{row['islands']:,}",
                *(_pair(each) for each in row["share"]),
                _bounded(row["mean"], 2),
                _bounded(row["spread"], 3),
                f"{1e3 * row['seconds']:.1f}",
            ]
            for row in rows
        ],
    )


def mcgdiff_mixture(rows: list[Cell]) -> str:
    heads = ["d", "rows of A", "problems", "floor: exact, exact", "burnish", "MCGDiff", "sd log Z^", "CPU-s"]
    return table(
        heads,
        [
            [
                str(row["dim"]),
                str(row["rows"]),
                str(row["seeds"]),
                *(_pair(row[name]) for name in ("floor", "ours", "theirs")),
                ", ".join(f"{each:.2f}" for each in row["spread"]),
                ", ".join(f"{each:.1f}" for each in row["seconds"]),
            ]
            for row in rows
        ],
    )


def tilted_mixture(rows: list[Cell]) -> str:
    heads = ["v", "problems", "floor: exact, exact", "burnish", "URGE as described", "sd log Z^", "CPU-s"]
    both = ("ours", "urge")
    return table(
        heads,
        [
            [
                f"{row['variance']:g}",
                str(row["seeds"]),
                f"{row['floor']:.2f}",
                *(f"{row[name]['distance']:.2f}" for name in both),
                ", ".join(f"{row[name]['spread']:.2f}" for name in both),
                ", ".join(f"{row[name]['seconds']:.1f}" for name in both),
            ]
            for row in rows
        ],
    )


def inpainting(rows: list[Cell]) -> str:
    heads = ["proposal", "particles", "islands", "log evidence", "sd log Z^", "CPU-s an island"]
    return table(
        heads,
        [
            [
                row["case"],
                str(row["particles"]),
                str(row["islands"]),
                f"{row['log_evidence']:.2f} ± {row['error']:.2f}",
                f"{row['spread']:.2f}",
                f"{row['seconds']:.1f}",
            ]
            for row in rows
        ],
    )


def coverage(rows: list[Cell]) -> str:
    heads = ["particles", "output", "covered", "95 % limits", "jobs refused", "mean sd log Z^"]
    return table(
        heads,
        [
            [
                str(row["particles"]),
                row["output"],
                f"{row['covered']:.3f}",
                f"{row['limits'][0]:.3f} to {row['limits'][1]:.3f}",
                f"{row['refused']:.1%}",
                f"{row['spread']:.2f}",
            ]
            for row in rows
        ],
    )


TABLES: dict[str, Callable[[list[Cell]], str]] = {
    "linear_gaussian": linear_gaussian,
    "mcgdiff_mixture": mcgdiff_mixture,
    "tilted_mixture": tilted_mixture,
    "inpainting": inpainting,
    "coverage": coverage,
}


PAGE = Page(FILE, TABLES)
written = PAGE.written


if __name__ == "__main__":
    run(__doc__, PAGE, KEPT, PARTS, draw)
