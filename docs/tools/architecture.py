"""The diagram of the product, drawn from its real imports: floors, who uses whom, and which libraries each touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import grimp

PACKAGES = ("burnish", "burnish_workers", "burnish_service")
FLOORS: Sequence[tuple[str, Sequence[str]]] = (
    ("clients and service", ("burnish", "burnish_service")),
    ("engine", ("burnish_workers.engine",)),
    ("kinds", tuple(f"burnish_workers.kinds.{name}" for name in ("surrogate", "posterior", "reasoning"))),
    ("tensors", ("burnish_workers.tensors",)),
    ("core", ("burnish_workers.core",)),
    ("wire", ("burnish.wire",)),
)
KINDS = 2
"""Their floor: parts that stand for one another, and so share their lines."""
ROLES: Mapping[str, str] = {
    "burnish": "SDK and command line",
    "burnish_service": "HTTP front, runner, supervisor",
    "burnish_workers.engine": "the life of jobs, over ports: fleet, store, artifacts, clock",
    "burnish_workers.kinds.surrogate": "corrects PDE solutions",
    "burnish_workers.kinds.posterior": "samples, follows states",
    "burnish_workers.kinds.reasoning": "chains that back up",
    "burnish_workers.tensors": "generators from keys, fields, derivatives",
    "burnish_workers.core": "keys, ordered fold, intervals, guard, forecast, allocation",
    "burnish.wire": "the contract",
}
LIBRARIES = (
    *("ray", "redis", "fastapi", "uvicorn", "httpx2", "typer", "rich", "torch", "diffusers", "transformers"),
    *("numpy", "scipy", "pydantic"),
)
WIDTH, HEIGHT, GAP, LEFT, TOP, BUS = 820, 56, 34, 150, 20, 22
FRAME = 8
"""Around parts of one floor that stand side by side."""


def edges() -> set[tuple[str, str]]:
    """(importer, imported) among the parts of the diagram, and from parts to libraries."""
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True)
    found: set[tuple[str, str]] = set()
    for module in graph.modules:
        importer = part_of(module)
        if importer is None:
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            target = imported if imported in LIBRARIES else part_of(imported)
            if target is not None and target != importer:
                found.add((importer, target))
    return found


def part_of(module: str) -> str | None:
    """The part that a module belongs to: the one with the longest name. None for what the product does not run."""
    fitting = [part for part in ROLES if module == part or module.startswith(f"{part}.")]
    return max(fitting, key=len, default=None)


def picture() -> str:
    """An SVG, the same for the same imports."""
    found = edges()
    places = dict(_places())
    bottom = max(y for _, y, _ in places.values()) + HEIGHT + TOP
    width = LEFT + WIDTH + BUS * (len(FLOORS) + 1)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" width="{width}" '
        'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" role="img">',
        "<title>Who imports whom in burnish</title>",
        f"<desc>{escape(in_words(found))}</desc>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#7a8594"/></marker></defs>',
        f'<rect width="{width}" height="{bottom}" fill="#fff"/>',
        *_floor_names(places),
        _frame(),
        *_arrows(found, places),
        *(_box(part, place, found) for part, place in places.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def in_words(found: set[tuple[str, str]]) -> str:
    """The diagram for those who do not see it."""
    return " ".join(
        f"{part} imports {', '.join(sorted(t for s, t in found if s == part and t in ROLES)) or 'no other part'}."
        for part in ROLES
    )


def _places() -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Part -> x, y, width."""
    for row, (_, parts) in enumerate(FLOORS):
        width = (WIDTH - 16 * (len(parts) - 1)) / len(parts)
        for column, part in enumerate(parts):
            yield part, (LEFT + column * (width + 16), TOP + row * (HEIGHT + GAP), width)


def _row(part: str) -> int:
    return next(row for row, (_, parts) in enumerate(FLOORS) if part in parts)


def _floor_names(places: Mapping[str, tuple[float, float, float]]) -> Iterator[str]:
    for name, parts in FLOORS[1:]:
        y = places[parts[0]][1] + HEIGHT / 2 + 4
        yield f'<text x="{LEFT - 90}" y="{y:g}" font-size="12" text-anchor="end" fill="#7a8594">{name}</text>'


def _frame() -> str:
    y = TOP + KINDS * (HEIGHT + GAP)
    return (
        f'<rect x="{LEFT - FRAME}" y="{y - FRAME}" width="{WIDTH + 2 * FRAME}" height="{HEIGHT + 2 * FRAME}" rx="12" '
        'fill="none" stroke="#7a8594" stroke-dasharray="4 4"/>'
    )


def _arrows(found: set[tuple[str, str]], places: Mapping[str, tuple[float, float, float]]) -> Iterator[str]:
    """To the next floor straight down; further down along a line of the importing part's own floor at the side."""
    buses: dict[tuple[int, str], set[int]] = {}
    for source, target in sorted(edge for edge in found if edge[1] in ROLES):
        (x, y, width), (x2, y2, width2) = places[source], places[target]
        if _row(target) == _row(source) + 1:
            low, high = max(x, x2), min(x + width, x2 + width2)
            yield _path(f"M{(low + high) / 2:g} {y + HEIGHT:g}V{y2:g}")
        elif _row(target) == _row(source):
            step = 1 if x2 > x else -1
            yield _path(f"M{x + (width if step > 0 else 0):g} {y + HEIGHT / 2:g}H{x2 + (0 if step > 0 else width2):g}")
        else:
            side = "left" if "burnish" in (source, target) else "right"
            buses.setdefault((_row(source), side), set()).add(_row(target))
    for (row, side), targets in sorted(buses.items()):
        edge = LEFT if side == "left" else LEFT + WIDTH
        lane = edge - BUS * (row + 1) if side == "left" else edge + BUS * (len(FLOORS) - 1 - row)
        begin = edge + (-FRAME if side == "left" else FRAME) * (row == KINDS)
        for target in sorted(targets):
            start = TOP + row * (HEIGHT + GAP) + HEIGHT / 2
            end = TOP + target * (HEIGHT + GAP) + HEIGHT / 2 + (row - len(FLOORS) / 2) * 6
            reach = edge + (-FRAME if side == "left" else FRAME) * (target == KINDS)
            yield _path(f"M{begin} {start:g}H{lane}V{end:g}H{reach}")


def _path(d: str) -> str:
    return f'<path d="{d}" fill="none" stroke="#7a8594" stroke-width="1.2" marker-end="url(#head)"/>'


def _box(part: str, place: tuple[float, float, float], found: set[tuple[str, str]]) -> str:
    x, y, width = place
    libraries = [name for name in LIBRARIES if (part, name) in found]
    middle = x + width / 2
    small = f'font-size="{11 if width > WIDTH / 2 - 20 else 9.5}" text-anchor="middle"'
    name = part.removeprefix("burnish_workers.")
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" rx="8" fill="#f3f6fa" stroke="#2f6db3"/>'
        f'<text x="{middle:g}" y="{y + 18:g}" font-size="14" font-weight="600" text-anchor="middle" fill="#17324d">'
        f'{name}</text><text x="{middle:g}" y="{y + 33:g}" {small} fill="#33475b">{escape(ROLES[part])}</text>'
        f'<text x="{middle:g}" y="{y + 48:g}" {small} fill="#2f6db3">{", ".join(libraries)}</text>'
    )
