"""Pictures of a posterior, read back by another library."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from burnish_workers.core.picture import CELL, GAP, SAMPLES, png, posterior_png

STEP, LABEL = CELL + GAP, 14


def read(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def cell(page: np.ndarray, index: int) -> np.ndarray:
    """The pixels of a cell, without its label."""
    row, column = divmod(index, 6)
    top = GAP + row * (CELL + LABEL + GAP) + LABEL
    return page[top : top + CELL, GAP + column * STEP : GAP + column * STEP + CELL]


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (64, 200)])
def test_any_pixels_come_back(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read(png(pixels)), pixels)


def test_mean_deviation_and_samples_have_their_places_and_scales() -> None:
    mean, std = np.array([[[0.0, 1.0], [0.5, 0.0]]]), np.array([[[0.0, 0.2], [0.1, 0.0]]])
    samples = np.stack([mean, 1 - mean, np.full((1, 2, 2), 0.5)])
    page = read(posterior_png(mean, std, samples))
    half = CELL // 2
    corners = [cell(page, i)[half // 2 :: half, half // 2 :: half, 0].ravel().tolist() for i in range(5)]
    assert corners == [[0, 255, 128, 0], [0, 255, 128, 0], [0, 255, 128, 0], [255, 0, 128, 255], [128] * 4]
    assert page.shape[1] == 5 * STEP + GAP


def test_colours_stay_apart() -> None:
    mean = np.zeros((3, 8, 8))
    mean[2] = 1.0
    page = read(posterior_png(mean, np.zeros((3, 8, 8)), np.zeros((0, 3, 8, 8))))
    assert cell(page, 0)[10, 10].tolist() == [0, 0, 255]
    assert cell(page, 1)[10, 10].tolist() == [0, 0, 0]


def test_labels_are_written_above() -> None:
    blank = np.zeros((8, 8))
    page = read(posterior_png(blank, blank, np.zeros((30, 8, 8))))
    assert page.shape[0] == 3 * (CELL + LABEL + GAP) + GAP, f"mean, std and {SAMPLES} samples in rows of six"
    assert {tuple(p) for p in page[GAP : GAP + 12, GAP : GAP + 32].reshape(-1, 3)} == {(40, 40, 40), (220, 220, 220)}
    assert not np.array_equal(page[GAP : GAP + 12, GAP:STEP], page[GAP : GAP + 12, GAP + STEP : 2 * STEP])


def test_small_pictures_are_enlarged_and_unknown_values_are_black() -> None:
    unknown = np.full((8, 12), np.nan)
    page = read(posterior_png(unknown, unknown, np.ones((1, 8, 12))))
    assert page.shape[1] == 3 * (12 * 8 + GAP) + GAP
    assert page[GAP + LABEL : GAP + LABEL + CELL, GAP : GAP + 96].max() == 0
    with pytest.raises(ValueError, match=r"shape \(2, 8, 8\) is no picture"):
        posterior_png(np.zeros((2, 8, 8)), np.zeros((2, 8, 8)), np.zeros((0, 2, 8, 8)))
