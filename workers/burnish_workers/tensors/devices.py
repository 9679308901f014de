"""Which device to compute on, and which results may be compared bit by bit."""

from __future__ import annotations

import gc
import platform
from pathlib import Path

import torch


def resolve_device(name: str = "auto") -> torch.device:
    """The device called "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:0".

    Also settles the process: TF32 off, freed memory kept.
    TF32 keeps 10 bits of mantissa: a residual of 1e-3 times u would drown in it. Raises ValueError for another name
    and for a GPU that is not there.
    """
    _turn_off_tf32()
    _keep_freed_memory()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (":" in name and not (kind == "cuda" and index.isdecimal())):
        raise ValueError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:0, cuda:1, ...")
    if kind == "cpu":
        return torch.device("cpu")
    number = int(index or 0)
    if number >= torch.cuda.device_count():
        raise ValueError(f"device {name!r} is not there: {torch.cuda.device_count()} GPUs found; use 'auto' or 'cpu'")
    return torch.device("cuda", number)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, that of a GPU or of the machine. torch has no type of its own for the latter."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or _HOST_MEMORY in str(error)


_HOST_MEMORY = "DefaultCPUAllocator: can't allocate memory"


def give_memory_back() -> None:
    """Give what torch keeps for later back to the GPU, for whoever shares it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


CONTEXT = 0.05
"""Part of a share of a GPU that is left for what CUDA itself takes in each process."""


def keep_within(device: torch.device, share: float) -> None:
    """Hold this process to its share of a GPU's memory, so that it runs out of its own and never of a neighbour's."""
    if device.type == "cuda" and 0 < share < 1:
        torch.cuda.set_per_process_memory_fraction(share * (1 - CONTEXT), device)


def numeric_class(device: torch.device | str = "cpu") -> str:
    """What decides the last bits of a result: device model, CPU instruction set, torch version, threads.

    Two results of one class are equal bit by bit; of different classes, equal up to rounding.
    """
    device = torch.device(device)
    model = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_model()
    parts = [model, torch.backends.cpu.get_cpu_capability(), f"torch {torch.__version__}"]
    return " | ".join([*parts, f"threads {torch.get_num_threads()}"])


def _turn_off_tf32() -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def _keep_freed_memory() -> None:
    """Stop glibc from handing freed tensors back to the kernel, only to fault them in again.

    glibc raises its thresholds (mmap at 32 MB, trim at 64 MB) to the largest mapped block it has seen freed. Without
    this, jets in chunks of 0.5 MB took 78,000 page faults per 80,000 jets and 20-40 % longer, in some processes only.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
