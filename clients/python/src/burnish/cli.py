"""The command `burnish`. What it can do is in cli_app.py, which needs the extra `cli` (typer, rich)."""

from __future__ import annotations

import sys

_EXTRA = frozenset({"typer", "rich", "click"})


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from burnish import cli_app
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(f"The command line needs {error.name}. Install it with: pip install 'burnish[cli]'\n")
        raise SystemExit(2) from None
    raise SystemExit(cli_app.run(sys.argv[1:]))
