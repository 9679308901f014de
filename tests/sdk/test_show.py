"""How a job shows itself: words, pictures, cards."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from burnish import plots, show, svg, wire, words
from burnish.record import Record

finite = st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False)


def record(make, status="running", tolerance=None, **refinements) -> Record:
    spec = make.job()["spec"] | {"budget": {"seconds": 20} | (tolerance or {})}
    made = Record(wire.Job.model_validate(make.job(status, spec=spec)))
    for given_ in refinements.get("of", ()):
        made.take(wire.Event(sequence=given_["sequence"], type="refinement", at="", data=given_))
    return made


def sharpening(make, values=(0.0528,), looks=(4, 8, 16, 32), **more) -> list[dict]:
    return [make.refinement(n, values, half=0.01 / math.sqrt(n) if n in looks else None, **more) for n in range(1, 33)]


class Balanced(HTMLParser):
    """Checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> str:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    for part in page.split("<svg xmlns")[1:]:
        picture = ET.fromstring("<svg xmlns" + part[: part.rindex("</svg>") + 6])
        assert "nan" not in ET.tostring(picture, encoding="unicode").lower().replace("finance", "")
    return page


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (0.052812, 0.00029, "0.05281"),
        (0.052812, 0.0029, "0.0528"),
        (-12.3456, 0.5, "-12.35"),
        (1234.5, 30.0, "1234"),
        (1234.5, None, "1234"),
        (0.0, 0.01, "0.000"),
        (1.5e-12, 2e-13, "1.50e-12"),
        (None, 0.1, "-"),
        (0.5, 0.0, "0.5"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_lets_stand(value, half, text) -> None:
    assert words.number(value, half) == text


@given(value=finite, half=st.floats(1e-12, 1e12))
def test_a_printed_number_is_within_a_tenth_of_its_half_width(value: float, half: float) -> None:
    assert abs(float(words.number(value, half)) - value) <= 0.1 * half + 1e-9 * abs(value)


def test_durations_and_counts() -> None:
    assert [words.duration(s) for s in (0.42, 12.3, 200, 7500)] == ["0.4 s", "12 s", "3 min 20 s", "2 h 5 min"]
    assert [words.count(n) for n in (812, 16_384, 2_500_000, 3e9)] == ["812", "16.4k", "2.5M", "3G"]
    assert [words.short(v) for v in (None, 0.00029, 0.0123, 35.0, 0.0)] == ["-", "2.9e-4", "0.012", "35", "0"]


def test_a_forecast_in_words() -> None:
    known = wire.Forecast.model_validate(
        {
            "error_at": {"2x": 2e-4, "10x": 9e-5},
            "seconds_to_target": {"estimate": 4.1, "lower": 3.6, "upper": 4.7},
            "floor": 1e-5,
        }
    )
    assert words.forecast(known, "±0.001") == snapshot(
        "2x compute → ±2.0e-4, 10x compute → ±9.0e-5, ±0.001 in about 4.1 s (3.6 s to 4.7 s), "
        "no sampling gets below ±1.0e-5"
    )
    assert words.forecast(None) == words.forecast(wire.Forecast()) == ""


def test_a_refusal_in_words() -> None:
    refused = wire.Refused(code="heavy_tail", why="tail index 0.7 > 0.5.", advice="Use more steps.", outputs=[1, 2])
    assert words.refusal(refused) == "no interval for outputs 1, 2: tail index 0.7 > 0.5; Use more steps."
    assert words.outputs(range(9)) == "outputs 0, 1, 2, 3, 4 and 4 more"
    assert words.outputs([3]) == "output 3"


def test_one_line(make) -> None:
    assert show.line(record(make)) == snapshot("<job_1 surrogate running: no answer yet>")
    assert show.line(record(make, of=sharpening(make))) == snapshot(
        "<job_1 surrogate running: 0.0528 ± 0.0018 (95 %), 32 blocks, 3.2 s, 8.19k units>"
    )
    assert show.line(record(make, of=sharpening(make, (0.1, 0.2, None)))) == snapshot(
        "<job_1 surrogate running: 3 outputs, 2 with intervals, half-widths at most 0.0018 (95 %), "
        "32 blocks, 3.2 s, 8.19k units>"
    )


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-6, 1e6))
def test_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    axis = svg.Axis(low, low + span, 0, 100)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 6
    assert all(low - 1e-9 * abs(low) <= tick <= low + span * (1 + 1e-9) + 1e-9 * abs(low) for tick in ticks)


@given(low=st.floats(1e-9, 1e9), ratio=st.floats(1.5, 1e9))
def test_logarithmic_ticks_are_few_and_inside(low: float, ratio: float) -> None:
    ticks = svg.Axis(low, low * ratio, 0, 100, log=True).ticks()
    assert len(ticks) <= 6
    assert all(low <= tick <= low * ratio for tick in ticks)


def test_a_card_in_every_state(make) -> None:
    assert "no answer yet" in check(show.card(record(make, "queued")))
    assert "<svg" in check(show.card(record(make, of=[make.refinement(1)])))
    page = check(show.card(record(make, of=sharpening(make), tolerance={"abs_tol": 0.001})))
    assert page.count("<svg xmlns") == 2
    assert "valid whenever you stop watching" in page
    many = check(show.card(record(make, of=sharpening(make, tuple(k / 50 for k in range(50))))))
    assert "50 outputs" in many
    assert "all outputs at once" in many


@pytest.mark.parametrize(
    "values",
    [(None,), (None, None), (0.0,), (0.0, 0.0), (1e-300,), (1e12, -1e12), (None, 0.5, 0.5), tuple(range(1000))],
)
def test_no_value_breaks_a_card(make, values) -> None:
    for refinements in (
        [make.refinement(1, values)],
        [make.refinement(n, values, half=0.5 / n) for n in (1, 2)],
        [make.refinement(1, values, half=1e-300), make.refinement(2, values, spent={"seconds": 0.0, "units": 0})],
    ):
        check(show.card(record(make, of=refinements, tolerance={"rel_tol": 0.01})))


def test_the_first_of_200_outputs_and_no_more(make) -> None:
    history = [wire.Refinement.model_validate(make.refinement(4, tuple(k / 7 for k in range(1000)), half=9.0))]
    plot = plots.caterpillar(history, history[-1].interval, [None] * 1000, 560)
    assert plot.count("<circle") == 200
    assert "200 of 1k outputs" in plot


def test_outputs_that_are_not_good_enough_stand_out(make) -> None:
    history = [wire.Refinement.model_validate(make.refinement(4, (0.1, 0.2), half=0.05))]
    plot = plots.caterpillar(history, history[-1].interval, [0.1, 0.01], 560)
    assert plots.ORANGE in plot
    assert plots.BLUE in plot
    assert "tolerance not met yet" in plot


def test_what_users_write_cannot_become_html(make) -> None:
    cause = {"title": "<script>", "status": 422, "detail": "<b>x</b>", "errors": []}
    made = record(make)
    made.replace(wire.Job.model_validate(make.job("failed", error=cause)))
    page = check(show.card(made))
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
