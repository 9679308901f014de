"""One target under Atheris, in a process of its own: `python -m tests.fuzz.guided TARGET CORPUS LIBFUZZER-OPTIONS`.

libFuzzer ends the process when it is done, and at the first finding; `python -m tests.fuzz` starts it again.
"""

from __future__ import annotations

import random
import resource
import sys
import warnings

import atheris

with atheris.instrument_imports(include=["burnish", "burnish_workers"], enable_loader_override=False):
    from . import targets

import numpy.lib.format
import torch

CHECKED = ("_read_array_header", "read_magic", "_filter_header", "descr_to_dtype")
"""Functions of numpy that a `.npy` meets first."""


def main(name: str, arguments: list[str]) -> None:
    target = targets.TARGETS[name]
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))  # as the probe of a worker has
    home = sys.modules[numpy.lib.format.read_array_header_1_0.__module__]  # where they call one another
    for function in CHECKED:
        if hasattr(home, function):
            setattr(home, function, atheris.instrument_func(getattr(home, function)))

    warnings.simplefilter("error")  # what a stranger sends fills no log

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        found = target.mutated(data, rng, lambda part, _: atheris.Mutate(part, max(len(part) + 64, 64)))
        return found if len(found) <= most else data

    def one(data: bytes) -> None:
        targets.check(name, data)

    atheris.Setup([sys.argv[0], *arguments], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
