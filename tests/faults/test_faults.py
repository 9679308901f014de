"""Every fault once, as tests; `python -m tests.faults` strikes three times and prints the table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from .load import Work, works
from .rows import ROWS, Stage, missing, staged
from .trial import trial

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def load() -> list[Work]:
    torch.set_num_threads(1)
    return works()


@pytest.fixture(scope="module", params=staged(list(ROWS)), ids=lambda found: found[0].__name__)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str]]]:
    """A service, and the names of the faults that play on it."""
    put_up: Stage = request.param[0]
    if why := missing(put_up):
        pytest.skip(why)
    folder: Path = tmp_path_factory.mktemp("stage")
    with put_up(folder) as service:
        yield service, request.param[1]


def test_faults(stage: tuple[Any, list[str]], load: list[Work]) -> None:
    service, names = stage
    for name in names:
        service.settle()
        outcome = asyncio.run(trial(name, 1, service.url, load, partial(ROWS[name].strike, service)))
        assert not outcome.wrong, "\n".join([name, *outcome.wrong])
