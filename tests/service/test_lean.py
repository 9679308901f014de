"""Memory of processes that serve: a large block is mapped and given back whole, also after others were freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKS = """
import ctypes
from burnish_service.lean import stay_lean

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Info
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
if {told}:
    assert stay_lean()
library.free(library.malloc(8 << 20))
before = library.mallinfo2().hblks
blocks = [library.malloc(256 << 10) for _ in range(16)]
print(library.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")
@pytest.mark.parametrize(("told", "mapped"), [(True, 16), (False, 0)])
def test_stacks_are_mapped_one_by_one(told: bool, mapped: int) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKS.format(told=told)], capture_output=True, text=True, check=True)
    assert int(done.stdout) == mapped
