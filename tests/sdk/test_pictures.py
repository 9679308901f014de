"""Images in a terminal: two pixels to a character, redrawn at every refinement, and text where there are no colours."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from burnish import cli_live, wire, words
from burnish.cli_pictures import Picture, pictures
from burnish.record import Record

MEAN, STD = (wire.OutputPart.together(name, start, (1, 3, 2)) for name, start in (("mean", 0), ("std", 6)))
EVIDENCE = wire.OutputPart.together("log_evidence", 12, ())
VALUES = (0.0, 0.5, 1.0, 0.25, None, 0.0) + (0.1,) * 6 + (-3.5,)
LAYOUT = [part.model_dump() for part in (MEAN, STD, EVIDENCE)]


def seen(make, *answers: tuple[float | None, ...], **changes) -> Record:
    record = Record(wire.Job.model_validate(make.job("running")))
    for number, values in enumerate(answers, start=2):
        data = make.refinement(number, values, half=0.02, **{"layout": LAYOUT, **changes})
        record.take(wire.Event(sequence=number, type="refinement", at="", data=data))
    return record


def printed(record: Record, colours: str | None) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=colours, force_terminal=colours is not None)  # pyright: ignore[reportArgumentType]
    console.print(cli_live.panel(record))
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def drawn(values: tuple[float | None, ...], make, **changes) -> list[Picture]:
    return list(pictures(seen(make, values, **changes).last).drawn)


def test_pixels_are_greys_between_the_least_and_the_greatest(make) -> None:
    mean, std = drawn(VALUES, make)
    assert mean.rows == [[(0,) * 3, (128,) * 3], [(255,) * 3, (64,) * 3], [(96, 32, 32), (0,) * 3]]
    assert mean.caption == "mean  0 ... 1"
    assert std.rows == [[(255,) * 3] * 2] * 3
    assert std.caption == "std  0 ... 0.1"


def test_colours_are_channels(make) -> None:
    layout = [wire.OutputPart.together("mean", 0, (3, 2, 2)).model_dump()]
    (mean,) = drawn((0.0,) * 4 + (0.5,) * 4 + (1.0,) * 4, make, layout=layout)
    assert mean.rows == [[(0, 128, 255)] * 2] * 2


@pytest.mark.parametrize("shape", [(12,), (12, 1), (2, 3, 2), (1, 1, 12), (1, 2, 2, 3)])
def test_what_is_no_image_is_not_drawn(make, shape: tuple[int, ...]) -> None:
    layout = [wire.OutputPart.together("mean", 0, shape).model_dump()]
    assert drawn(VALUES, make, layout=layout) == []
    assert not pictures(seen(make, VALUES, layout=None).last).drawn
    assert not pictures(None).drawn


def test_images_beyond_what_is_listed_are_not_drawn(make) -> None:
    assert [picture.caption[:4] for picture in drawn(VALUES[:8], make)] == ["mean"]


def test_a_terminal_shows_two_pixels_in_a_character(make) -> None:
    text = printed(seen(make, VALUES), "truecolor")
    # The pixels (0, 0) and (1, 0): black above white.
    assert "\x1b[38;2;0;0;0;48;2;255;255;255m▀" in text
    assert "\x1b[38;2;128;128;128;48;2;64;64;64m▀" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "mean  0 ... 1   std  0 ... 0.1" in plain
    rows = [line for line in plain.splitlines() if "▀" in line]
    assert [line.count("▀▀") for line in rows] == [2, 2], "three rows of pixels in two of characters, side by side"


def test_it_is_redrawn_as_the_answer_sharpens(make) -> None:
    later = (1.0, 0.0, *VALUES[2:])
    before, after = (printed(seen(make, *answers), "truecolor") for answers in ([VALUES], [VALUES, later]))
    assert "\x1b[38;2;255;255;255;48;2;255;255;255m▀" in after
    assert "\x1b[38;2;255;255;255;48;2;255;255;255m▀" not in before.split("std")[0]


def test_without_colours_there_is_text(make) -> None:
    text = printed(seen(make, VALUES), None)
    assert "▀" not in text
    lines = text.splitlines()
    assert "estimate" in lines[2], "no empty place where images would be"
    assert "log_evidence (widest)" in lines[3]
    assert "mean[0][0][0]" in lines[4]


def test_outputs_are_called_by_their_parts(make) -> None:
    last = seen(make, VALUES).last
    assert last is not None
    assert [words.output(last, i) for i in (0, 5, 6, 11, 12)] == [
        "mean[0][0][0]",
        "mean[0][2][1]",
        "std[0][0][0]",
        "std[0][2][1]",
        "log_evidence",
    ]
    gradient = wire.OutputPart(name="gradient", start=1, shape=[3, 2], strides=[3, 1])
    assert [gradient.place(i) for i in range(10)] == [
        *(None, [0, 0], [0, 1], None, [1, 0], [1, 1]),
        *(None, [2, 0], [2, 1], None),
    ]
    alone = seen(make, VALUES, layout=LAYOUT[:1]).last
    assert alone is not None
    assert words.output(alone, 3) == "output 3"
