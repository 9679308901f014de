"""Writes the pages that are made from the product: `python -m docs.tools.reference`. A test holds them current."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.tools import architecture, command_line, rest, sdk, sharpening, variables

DOCS = Path(__file__).parents[1]
MADE: Mapping[str, Callable[[], str]] = {
    "reference/rest.md": rest.calls,
    "reference/types.md": rest.types,
    "reference/sdk.md": sdk.page,
    "reference/cli.md": command_line.page,
    "reference/settings.md": variables.page,
    "images/architecture.svg": architecture.picture,
    "images/sharpening.svg": sharpening.picture,
}
UPDATE = "python -m docs.tools.reference"


def main() -> None:
    """Write them all."""
    for name, make in MADE.items():
        (DOCS / name).write_text(make(), "utf-8")


if __name__ == "__main__":
    main()
