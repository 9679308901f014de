from __future__ import annotations

import pytest
import torch

from burnish_workers.core.keys import Key
from burnish_workers.tensors.devices import (
    give_memory_back,
    keep_within,
    numeric_class,
    out_of_memory,
    resolve_device,
)
from burnish_workers.tensors.generators import torch_generator


def draws(key: Key, count: int = 200_000) -> torch.Tensor:
    return torch.rand(count, generator=torch_generator(key), dtype=torch.float64)


def test_a_key_determines_the_stream() -> None:
    assert torch.equal(draws(Key(7).child(0, 3)), draws(Key(7).child(0, 3)))
    assert not torch.equal(draws(Key(7).child(0, 3)), draws(Key(7).child(0, 4)))


def test_streams_are_uniform_and_uncorrelated() -> None:
    one, two = draws(Key(7).child(1)), draws(Key(7).child(2))
    deviation = (12 * len(one)) ** -0.5
    assert abs(one.mean() - 0.5) < 4.4 * deviation
    assert abs(torch.corrcoef(torch.stack([one, two]))[0, 1]) < 4.4 * len(one) ** -0.5
    normals = torch.randn(len(one), generator=torch_generator(Key(7)))
    assert abs(normals.mean()) < 4.4 * len(one) ** -0.5


def test_keys_that_agree_in_32_bits_still_differ() -> None:
    """The scar: torch seeds its CPU generator with 32 bits, whatever it is given."""
    low = [torch.rand(3, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5 + 2**32)]
    assert torch.equal(*low)
    states = {bytes(torch_generator(Key(0, (index,))).get_state()[24 : 24 + 16].numpy()) for index in range(200)}
    assert len(states) == 200


def test_devices_have_names() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    for name in ("gpu", "cuda:x", "cpu:0", ""):
        with pytest.raises(ValueError, match="known: auto, cpu, cuda, cuda:0"):
            resolve_device(name)
    with pytest.raises(ValueError, match="GPUs found; use 'auto' or 'cpu'"):
        resolve_device("cuda:99")


def test_the_numeric_class_names_what_decides_the_last_bits() -> None:
    name = numeric_class("cpu")
    assert f"torch {torch.__version__}" in name
    assert torch.backends.cpu.get_cpu_capability() in name
    assert name.endswith(f"threads {torch.get_num_threads()}")


def test_memory_that_runs_out_is_known_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as host:  # torch has no type of its own for it
        torch.empty(1 << 60, dtype=torch.uint8)
    assert type(host.value) is RuntimeError
    assert all(map(out_of_memory, (host.value, torch.OutOfMemoryError("CUDA out of memory."), MemoryError())))
    assert not any(map(out_of_memory, (RuntimeError("device-side assert"), ValueError("memory"))))
    give_memory_back()
    keep_within(torch.device("cpu"), 0.5)
