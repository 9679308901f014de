"""Run a program that is killed when its parent dies: `python die_with_parent.py <parent> <program> <argument>...`.

<parent> is the process id of the caller. Kept to the standard library and run by its path, so that it is cheap and
independent of how burnish is installed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        # Set here and not between fork and exec in the parent: that is unsafe where threads run. It survives exec.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked to be told
            sys.exit(1)
    os.umask(0o077)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
