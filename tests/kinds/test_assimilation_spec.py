"""Assimilations as they are posted: what is refused, where and with which words; what `auto` takes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.assimilation.catalogue import LINEAR
from burnish_workers.kinds.posterior.assimilation.dynamics import RATES
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.kind import KIND

BASE: dict[str, Any] = {
    "dynamics": {"name": "lorenz63", "noise": 0.1, "substeps": 5},
    "initial": {"mean": [1.0, 1.0, 20.0], "covariance": 2.0},
    "observe": {"indices": [0, 2], "noise": 1.0},
}
LINE = {"matrix": [[0.9, 0.1, 0], [0, 0.8, 0], [0, 0, 0.7]], "noise": 0.1}


def posted(changes: Mapping[str, Mapping[str, Any]]) -> Assimilation:
    spec = {name: {**part, **changes.get(name, {})} for name, part in (BASE | {"filter": {}}).items()}
    spec |= {name: part for name, part in changes.items() if name not in spec or name == "dynamics"}
    return Assimilation.model_validate(spec)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"dynamics": {"name": "lorenz36"}}, "/dynamics/name", "did you mean 'lorenz"),
    ({"dynamics": {"name": "linear-gaussian"}}, "/dynamics/name", "needs `matrix`"),
    ({"dynamics": {"name": "lorenz63", "dim": 4}}, "/dynamics/dim", "exactly 3"),
    ({"dynamics": {"name": "lorenz63", "parameters": {"rh": 2.0}}}, "/dynamics/parameters/rh", "rho"),
    ({"dynamics": {"name": "lorenz96", "dim": 10}}, "/dynamics/dim", "initial/mean has 3"),
    ({"dynamics": {"matrix": [[1.0, 0.0], [0.0, 1.0]]}}, "/dynamics/matrix", "3 x 3"),
    ({"dynamics": {"matrix": [[1.0], [0.0, 1.0], [2.0]]}}, "/dynamics/matrix", "rows of 1 or 2"),
    ({"dynamics": {**LINE, "offset": [1.0]}}, "/dynamics/offset", "1 numbers"),
    ({"dynamics": {**LINE, "noise": [1.0, 2.0]}}, "/dynamics/noise", "2 variances are given for 3"),
    ({"dynamics": {**LINE, "noise": -1.0}}, "/dynamics/noise", "negative eigenvalue"),
    ({"dynamics": {**LINE, "noise": [[1, 0, 0], [1, 1, 0], [0, 0, 1]]}}, "/dynamics/noise", "symmetric"),
    ({"dynamics": {"expression": "x * q", "dim": 3}}, "/dynamics/expression", "q"),
    ({"dynamics": {"expression": "sum(x)", "dim": 3}}, "/dynamics/expression", "vector"),
    ({"dynamics": {"expression": ["x[0]", "x[1]"], "dim": 3}}, "/dynamics/expression", "2 formulas"),
    ({"dynamics": {"expression": "0.9 * x", "dim": 3, "form": "rate"}}, "/dynamics/dt", "time step"),
    ({"observe": {"indices": [0, 5]}}, "/observe/indices/1", "coordinate 5"),
    ({"observe": {"indices": None, "matrix": [[1.0, 0.0]]}}, "/observe/matrix", "x 3"),
    ({"observe": {"indices": None, "expression": "x[7]"}}, "/observe/expression", "7"),
    ({"observe": {"noise": 0.0}, "filter": {"method": "bootstrap"}}, "/observe/noise", "invertible"),
    ({"observe": {"noise": 0.0}, "filter": {"method": "etkf"}}, "/observe/noise", "guided, or enkf"),
    ({"dynamics": {"name": "lorenz63"}, "filter": {"method": "guided"}}, "/filter/method", "is 0"),
    ({"filter": {"method": "surge"}}, "/filter/method", "dynamics/diffusion"),
    ({"filter": {"method": "guided", "inflation": 1.1}}, "/filter/inflation", "not to guided"),
    ({"filter": {"method": "bootstrap", "localisation": 2.0}}, "/filter/localisation", "not to bootstrap"),
    ({"filter": {"method": "enkf", "jitter": 0.5}}, "/filter/jitter", "not to enkf"),
    ({"filter": {"particles": 10**6}, "initial": {"mean": [0.0] * 200}, "dynamics": {"name": "lorenz96", "noise": 1.0}},
     "/filter/particles", "at most 500000"),
    ({"observations": [[1.0, 2.0], [1.0]]}, "/observations/1", "2 numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer", "words"), REFUSED)
def test_what_makes_no_sense_is_refused_where_it_stands(changes: dict[str, Any], pointer: str, words: str):
    with pytest.raises(SpecError) as refused:
        checked(posted(changes), NOTHING)
    assert refused.value.pointer == pointer
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"filter": {"particles": 1}},
        {"filter": {"method": "kalman"}},
        {"observe": {"matrix": [[1.0, 0.0, 0.0]]}},
        {"dynamics": {**LINE, "steps": 0}},
        {"dynamics": {"name": "lorenz63", "diffusion": {"sigma_max": 0.1, "sigma_min": 1.0}}},
        {"initial": {"mean": []}},
    ],
)
def test_what_is_not_well_formed_does_not_parse(changes: dict[str, Any]):
    with pytest.raises(ValidationError):
        posted(changes)


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "guided"),
        ({"dynamics": {"name": "lorenz63"}}, "bootstrap"),
        ({"dynamics": {"name": "lorenz96", "noise": 0.1}, "initial": {"mean": [0.0] * 60}}, "etkf"),
        ({"dynamics": {"name": "lorenz63", "noise": 1.0, "diffusion": {"sigma_max": 9.0, "sigma_min": 0.1}}}, "surge"),
    ],
)
def test_auto_goes_by_noise_dimension_and_dynamics(changes: dict[str, Any], method: str):
    assert checked(posted(changes), NOTHING).method == method


def test_the_catalogue_lists_what_can_be_named_and_the_page_describes_it():
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    listed = {entry.name: entry.details for entry in KIND.catalogue() if entry.type == "dynamics"}
    assert {*listed} == {*RATES, LINEAR}
    for name, details in listed.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        author = details["source"].split(",")[0].split()[-1]
        assert cells[4:] == [
            str(details.get("dt", "")),
            f"{author} {re.findall(r'[(](....)[)]', details['source'])[0]}",
        ]
        assert all(parameter in cells[2] for parameter in details.get("parameters") or details["required"])


@pytest.mark.parametrize("name", sorted(RATES))
def test_what_the_catalogue_says_is_what_a_job_gets(name: str):
    (said,) = [entry.details for entry in KIND.catalogue() if entry.name == name]
    least, initial = said["least_dim"], {"mean": [1.0] * said["dim"]}
    stated = {key: said[key] for key in ("dim", "dt", "parameters")}
    whole = posted({"dynamics": {"name": name, **stated}, "initial": initial})
    bare = posted({"dynamics": {"name": name}, "initial": initial})
    assert checked(whole, NOTHING).motion == checked(bare, NOTHING).motion
    for dim, fits in ((least - 1, False), (least, True), (least + 1, not said["fixed_dim"])):
        spec = posted(
            {"dynamics": {"name": name, "dim": dim}, "observe": {"indices": [0]}, "initial": {"mean": [1.0] * dim}}
        )
        with contextlib.nullcontext() if fits else pytest.raises(SpecError, match=rf"(exactly|at least) {least} coord"):
            checked(spec, NOTHING)
