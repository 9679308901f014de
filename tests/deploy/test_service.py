"""What the files of the deployment say of the service, against the service: its settings, its metrics."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from burnish.wire import Canaries, Canary, Consumption
from burnish_service.context import Pool
from burnish_service.metrics import LIVE, Seen, text
from burnish_service.settings import Settings
from burnish_workers.engine.coordination import Overview

from .files import DEPLOY, ROOT, compose, groups

pytestmark = pytest.mark.deploy

OTHERS = {"BURNISH_EXTRA_KINDS", "BURNISH_LANGUAGE_MODELS", "BURNISH_LANGUAGE_ROWS"}
"""Variables that are read elsewhere than in the settings."""

BESIDE = {"BURNISH_STORE_PASSWORD", "BURNISH_NODES"}
"""Variables of the files themselves, out of which others are made."""

HADOLINT = shutil.which("hadolint")
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool on PATH or in PROMTOOL (Debian: apt-get install prometheus)"
)


# --- settings ---------------------------------------------------------------------------------------------------------
def known() -> set[str]:
    return {f"BURNISH_{name.upper()}" for name in Settings.model_fields} | OTHERS


def unknown(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("BURNISH_")} - known() - BESIDE


def test_every_variable_is_a_setting() -> None:
    for name, service in compose()["services"].items():
        assert not unknown(set(service.get("environment", ()))), name
    for group in groups():
        assert not unknown({each["name"] for each in group["template"]["spec"]["containers"][0]["env"]})
    for path in (
        ROOT / "Dockerfile",
        DEPLOY / "README.md",
        DEPLOY / "compose.env.example",
        DEPLOY / "prometheus/alerts.yml",
    ):
        assert not unknown(set(re.findall(r"\bBURNISH_[A-Z_]+\b", path.read_text()))), path
    assert unknown({"BURNISH_RUNERS", "PATH"}) == {"BURNISH_RUNERS"}


def test_the_others_are_read() -> None:
    code = "".join(path.read_text() for path in (ROOT / "workers").rglob("*.py"))
    assert all(f'"{name}"' in code for name in OTHERS)


def test_values_are_accepted() -> None:
    told = compose()["services"]["ray-head"]["environment"]
    given = {name.removeprefix("BURNISH_").lower(): value for name, value in told.items() if name in known()}
    settings = Settings.model_validate(given)
    assert (settings.fronts, settings.runners, settings.host) == (2, 2, "0.0.0.0")


def test_every_setting_is_documented() -> None:
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts]  # those list them all
    told = "".join(path.read_text() for path in (ROOT / "service/README.md", *pages))
    assert [name for name in known() if name not in told] == []


# --- metrics ----------------------------------------------------------------------------------------------------------
LABELLED = ("blocks|k", "reissued|k", "ended|k|completed", "spent|t|k|units", "removed|jobs")


def exported() -> dict[str, set[str]]:
    """The names of all samples of the service, and their labels."""
    counts = {"held": 9, "missed": 1, "refused": 0, "broken": 0}
    canary = Canary(name="c", kind="k", level=0.95, runs=10, **counts, calibration=1.0, failing=False)
    consumption = Consumption(**dict.fromkeys(Consumption.model_fields, 0))
    canaries = Canaries(every=1, data=[canary])
    seen = Seen(Pool(1, 1), Overview("", (), {}), {}, consumption, canaries, dict.fromkeys(LABELLED, 1.0))
    found: dict[str, set[str]] = {}
    for line in text(seen).splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rsplit(" ", 1)[0].partition("{")
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return found


def selectors(node: Any) -> Iterator[Any]:
    """The vectors of an expression that are read from the database."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (child := getattr(node, name, None)) is not None and not isinstance(child, str | float):
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


def check(expression: str, metrics: dict[str, set[str]]) -> set[str]:
    """The metrics that an expression reads. Raises ValueError where it is none, or reads what nobody writes."""
    names = set[str]()
    for vector in selectors(promql_parser.parse(expression)):
        name = vector.name
        if name not in metrics:
            raise ValueError(f"{name} is no metric of the service")
        labels = {matcher.name for matcher in vector.matchers.matchers}
        if strange := labels - metrics[name]:
            raise ValueError(f"{name} has no label {strange}")
        names.add(name)
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        if strange := {label.strip() for label in grouped.split(",")} - set().union(*(metrics[each] for each in names)):
            raise ValueError(f"nothing in {expression} has a label {strange}")
    if not names:
        raise ValueError(f"{expression} reads nothing")
    return names


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]


def panels() -> list[dict[str, Any]]:
    board = json.loads((DEPLOY / "grafana/dashboards/burnish.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_alerts_read_what_there_is() -> None:
    for rule in rules():
        check(rule["expr"], exported())
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert all(rule["annotations"][name] for name in ("summary", "action")), rule["alert"]
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert f"by ({label})" in rule["expr"], rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_dashboard_reads_what_there_is_and_all_of_it() -> None:
    read = set[str]()
    for panel in panels():
        for target in panel["targets"]:
            read |= check(target["expr"], exported())
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), panel["title"]
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in exported()}
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in read}
    assert families - shown == {"burnish_canary_runs_total"}  # told by its coverage


def test_statuses_in_alerts_are_those_of_jobs() -> None:
    told = "".join(rule["expr"] for rule in rules())
    assert set(re.findall(r'by_status\{status="(\w+)"', told)) <= set(LIVE)


@pytest.mark.parametrize(
    "expression",
    [
        "max(burnish_worker)",
        "rate(burnish_blocks_total[5m]",
        "max by (tennant) (burnish_spent_total)",
        'burnish_spent_total{ammount="units"}',
        "max(burnish_workers) / max(burnish_workers_want)",
        "histogram_quantile(0.5, max by (le) (rate(burnish_delivery_bucket[5m])))",
        "absent(burnish_up)",
        "1 + 1",
    ],
)
def test_mutants_of_expressions_are_refused(expression: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        check(expression, exported())


def test_grids_of_the_dashboard_do_not_overlap() -> None:
    taken = set[tuple[int, int]]()
    for panel in panels():
        grid = panel["gridPos"]
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)


# --- linters ----------------------------------------------------------------------------------------------------------
def linted(file: Path) -> subprocess.CompletedProcess[str]:
    assert HADOLINT, "pip install -e '.[deploy]' brings it"
    return subprocess.run([HADOLINT, "--no-color", str(file)], capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say(tmp_path: Path) -> None:
    found = linted(ROOT / "Dockerfile")
    assert found.returncode == 0, found.stdout
    mutant = tmp_path / "Dockerfile"
    mutant.write_text((ROOT / "Dockerfile").read_text() + "USER root\nRUN cd /tmp && sudo pip install x\n")
    assert {"DL3002", "DL3003", "DL3004"} <= set(re.findall(r"DL\d+", linted(mutant).stdout))


@pytest.fixture
def prometheus(tmp_path: Path) -> Path:
    """A copy of the folder, to be spoilt."""
    return shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")


def promtool(*words: str | Path) -> int:
    return subprocess.run([str(PROMTOOL), *map(str, words)], capture_output=True, check=False).returncode


def spoilt(file: Path, old: str, new: str) -> Path:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    return file


@needs_promtool
def test_promtool_agrees(prometheus: Path) -> None:
    assert promtool("check", "rules", prometheus / "alerts.yml") == 0
    assert promtool("check", "config", "--syntax-only", prometheus / "prometheus.yml") == 0
    assert promtool("check", "rules", spoilt(prometheus / "alerts.yml", "for: 2m", "for: soon")) != 0
    assert promtool("check", "config", "--syntax-only", spoilt(prometheus / "prometheus.yml", "targets", "target")) != 0


@needs_promtool
def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    assert promtool("test", "rules", DEPLOY / "prometheus/alerts_test.yml") == 0


@needs_promtool
@pytest.mark.parametrize("name", [rule["alert"] for rule in rules()])
def test_an_alert_that_never_fires_or_always_does_is_noticed(name: str, prometheus: Path) -> None:
    file = yaml.safe_load((prometheus / "alerts.yml").read_text())
    (rule,) = (rule for rule in file["groups"][0]["rules"] if rule["alert"] == name)
    for expression in ("vector(1) > 2", "vector(1)"):
        rule["expr"] = expression
        (prometheus / "alerts.yml").write_text(yaml.safe_dump(file))
        assert promtool("test", "rules", prometheus / "alerts_test.yml") != 0, expression
