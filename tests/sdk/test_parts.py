"""Named arrays of an answer: as the event lists them, and out of the file of a large one."""

from __future__ import annotations

import math
import random

import pytest

from burnish import AsyncBurnish, Burnish
from burnish.wire import Estimate, Interval, OutputPart, Refinement, Spent
from burnish.wire.layout import cut

MEAN, STD = OutputPart.together("mean", 0, (1, 2, 3)), OutputPart.together("std", 6, (1, 2, 3))
EVIDENCE = OutputPart.together("log_evidence", 12, ())
SPEC = {
    "kind": "surrogate",
    "problem": {"dim": 2, "horizon": 0.3, "diffusion": "1", "terminal": "sin(x[0]) + x[1]"},
    "surrogate": {"expression": "sin(x[0])*exp(-(0.3 - t)/2) + x[1]"},
    "points": [{"x": [0.1 * i, 1.0]} for i in range(3)],
    "outputs": ["value", "gradient"],
    "budget": {"units": 3 * 8 * 60},
    "seed": 5,
}


def refinement(outputs: int = 13, **more: object) -> Refinement:
    numbers: list[float | None] = [float(i) for i in range(outputs)]
    limits = Interval(
        lower=[i - 0.5 for i in range(outputs)], upper=[None] * outputs, level=0.95, kind="fixed", joint=False, blocks=4
    )
    fields = {"interval": limits, "layout": [MEAN, STD, EVIDENCE], "spent": Spent(), "digest": "sha256:0", **more}
    estimate = Estimate(value=numbers, standard_error=[0.1] * outputs)
    return Refinement.model_validate({"blocks": 4, "replicates": 16, "estimate": estimate, **fields})


def test_a_part_is_nested_lists_of_its_shape() -> None:
    std = refinement().part("std")
    assert (std.name, std.shape) == ("std", (1, 2, 3))
    assert std.value == [[[6, 7, 8], [9, 10, 11]]]
    assert std.lower == [[[5.5, 6.5, 7.5], [8.5, 9.5, 10.5]]]
    assert std.upper == [[[None] * 3] * 2]
    single = refinement().part("log_evidence")
    assert (single.shape, single.value, single.standard_error) == ((), 12.0, 0.1)
    assert refinement(interval=None).part("log_evidence").lower is None


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(LookupError, match="no part 'meen', perhaps 'mean'; its parts: mean, std, log_evidence"):
        refinement().part("meen")
    with pytest.raises(LookupError, match="none has a name"):
        refinement(layout=None).part("mean")


def test_outputs_that_are_not_listed_are_in_the_file() -> None:
    assert refinement(6).part("mean").value == [[[0, 1, 2], [3, 4, 5]]]
    with pytest.raises(LookupError, match=r"reaches to output 11, .* first 6 only: fetch them all with job.part\('std"):
        refinement(6).part("std")


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (3, 8, 8), (0,), (2, 0)])
def test_any_shape_comes_back_row_by_row(shape: tuple[int, ...]) -> None:
    part, count = OutputPart.together("x", 2, shape), math.prod(shape)
    assert part.stop == 2 + count
    numbers = [random.random() for _ in range(count + 2)]
    flat = [part.nested(numbers)]
    for _ in shape:
        flat = [inner for outer in flat for inner in outer]
    assert flat == numbers[2:]


def test_a_layout_survives_the_wire() -> None:
    there = refinement()
    back = Refinement.model_validate_json(there.model_dump_json())
    assert back.part("mean") == there.part("mean")


def test_value_and_gradient_stand_side_by_side_at_every_point(client: Burnish) -> None:
    job = client.submit(SPEC).wait()
    last = job.last
    assert last is not None
    assert last.layout is not None
    assert [(part.name, part.shape, part.strides) for part in last.layout] == [
        ("value", [3], [3]),
        ("gradient", [3, 2], [3, 1]),
    ]
    flat = last.estimate.value
    assert last.part("value").value == [flat[0], flat[3], flat[6]]
    assert job.part("gradient").value == [flat[1:3], flat[4:6], flat[7:9]]
    # The heat equation keeps the linear part: the second component of the gradient is 1.
    assert [row[1] for row in job.part("gradient").value] == pytest.approx([1, 1, 1], abs=0.05)


def test_parts_of_an_answer_that_is_in_a_file(client: Burnish) -> None:
    points = [{"x": [0.001 * i, 1.0]} for i in range(300)]
    job = client.submit({**SPEC, "points": points, "budget": {"units": 300 * 8 * 30}}).wait()
    last = job.last
    assert last is not None
    assert last.arrays is not None
    with pytest.raises(LookupError, match=r"job\.part"):
        last.part("value")
    arrays, layout = job.arrays(), last.layout
    assert job.part("gradient").value[299] == arrays["value"][898:900]
    assert cut("value", layout, arrays).value == arrays["value"][::3]


async def test_the_async_client_has_parts_too() -> None:
    async with AsyncBurnish.local(workers=1) as client:
        job = await (await client.submit(SPEC)).wait()
        assert len((await job.part("gradient")).value) == 3
