"""A process that serves gives memory back: large blocks are mapped one by one, free pages are returned every minute.

Ray runs every streaming call on a stack of 256 KB, of which it touches some 16 KB. glibc maps such a block at first but
takes the like from its heap once it has seen one freed; there the next stack begins elsewhere, and touches other pages.
So a process with 2,000 streams that come and go grows towards 2,000 whole stacks, half a gigabyte, though it holds no
more than before. Setting the threshold (M_MMAP_THRESHOLD), even to what it is at first, keeps glibc from raising it.
What is freed between smaller blocks stays in the heaps of the threads until malloc_trim looks for it:
https://man7.org/linux/man-pages/man3/mallopt.3.html, malloc_trim.3.html

For processes that serve: blocks of simulation keep their memory instead (`burnish_workers.tensors.devices`).
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
import time

_M_MMAP_THRESHOLD = -3
THRESHOLD = 128 * 1024
EVERY = 60.0


@functools.cache  # a front that HAProxy asks directly is set up like a proxy, too: one thread is enough
def stay_lean() -> bool:
    """Have this process give back what it frees, from now on. False where its C library is not glibc."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    threading.Thread(target=_trim, args=[library], name="burnish-trim", daemon=True).start()
    return library.mallopt(_M_MMAP_THRESHOLD, THRESHOLD) == 1


def _trim(library: ctypes.CDLL) -> None:
    while True:
        time.sleep(EVERY)
        library.malloc_trim(0)  # about 10 ms for 300 MB, without Python's lock
