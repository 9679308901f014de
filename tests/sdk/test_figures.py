"""Answers of every kind as figures of matplotlib: what fits is drawn, with the numbers of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from burnish import Burnish, wire
from burnish.figures import draw
from burnish.record import Record
from burnish.wire.layout import cut

IMAGES = [wire.OutputPart.together("mean", 0, (2, 3)), wire.OutputPart.together("std", 6, (2, 3))]


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    mpl.use("svg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(make, *answers: dict[str, Any], kind: str = "surrogate") -> list[Any]:
    record = Record(wire.Job.model_validate(make.job("running", kind=kind)))
    for data in answers:
        record.take(wire.Event(sequence=data["sequence"], type="refinement", at="", data=data))
    assert record.last is not None
    last, columns = record.last, record.last.columns()
    axes = draw(record, lambda name: cut(name, last.layout, columns), last.to_numpy(), Figure(layout="constrained"))
    axes[0].figure.canvas.draw()
    return axes


def test_one_output_is_a_line_in_its_funnel(make) -> None:
    halves = {2: None, 3: 0.4, 4: None, 5: 0.1}
    trace, widths = drawn(make, *(make.refinement(n, (1.0 + 1 / n,), half=h) for n, h in halves.items()))
    np.testing.assert_allclose(trace.lines[0].get_ydata(), [1.5, 4 / 3, 1.25, 1.2])
    (funnel,) = trace.collections
    low, high = (f(funnel.get_paths()[0].vertices[:, 1]) for f in (min, max))
    assert (low, high) == pytest.approx((4 / 3 - 0.4, 4 / 3 + 0.4))
    np.testing.assert_allclose(widths.lines[0].get_ydata(), [0.4, 0.1])


def test_many_outputs_are_sorted_with_their_intervals(make) -> None:
    (axes,) = drawn(make, make.refinement(4, (3.0, 1.0, 2.0), half=0.5))
    (dots,) = axes.containers
    assert dots.lines[0].get_ydata().tolist() == [1.0, 2.0, 3.0]
    assert [tuple(rod[:, 1]) for rod in dots.lines[2][0].get_segments()] == [(0.5, 1.5), (1.5, 2.5), (2.5, 3.5)]


def test_images_are_drawn_as_such(make) -> None:
    layout = [part.model_dump() for part in IMAGES]
    mean, std, *colourbars = drawn(make, make.refinement(4, tuple(range(12)), layout=layout), kind="posterior")
    assert colourbars == []
    assert (mean.get_title(), std.get_title()) == ("mean", "std")
    np.testing.assert_array_equal(mean.images[0].get_array(), [[0, 1, 2], [3, 4, 5]])


def test_before_the_first_answer_it_says_so(make) -> None:
    record = Record(wire.Job.model_validate(make.job("running")))
    with pytest.raises(LookupError, match="no answer yet"):
        draw(record, lambda name: pytest.fail(name), make)


def test_every_kind_is_drawn_from_a_real_job() -> None:
    numbers = {"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128}
    with Burnish.local(workers=2) as client:
        thought = client.reasoning(problem=numbers, budget={"tokens": 6_000}, seed=7).wait()
        corrected = client.surrogate(problem="hjb-log", dim=4, points=[0.1, 0.2], budget={"units": 4_000}, seed=1)
        chances = thought.plot()[0]
        assert chances.get_title() == "chances of answers"
        assert thought.reasoned is not None
        leader = chances.lines[0].get_ydata()[-1]
        assert leader == pytest.approx(thought.reasoned.answers[str(thought.reasoned.leader)].value)
        values = corrected.wait().plot()[0]
        assert "value" in values.get_title() or "outputs" in values.get_title()
