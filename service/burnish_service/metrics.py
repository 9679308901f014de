"""Numbers for Prometheus, in its text format: written from the store, so that every front says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from burnish.wire import Canaries, Consumption
from burnish_service.context import Pool
from burnish_workers.engine.coordination import Overview

VERDICTS = ("held", "missed", "refused", "broken")


class Metric(NamedTuple):
    """`samples`: labels and value of each."""

    name: str
    type: str
    help: str
    samples: Iterable[tuple[Mapping[str, str], float]]


def text(pool: Pool, seen: Overview, usage: Consumption, canaries: Canaries) -> str:
    """All metrics of the service."""
    return "".join(_written(metric) for metric in _metrics(pool, seen, usage, canaries))


def _metrics(pool: Pool, seen: Overview, usage: Consumption, canaries: Canaries) -> Iterator[Metric]:
    needs = [need for report in seen.reports for need in report.needs]
    yield Metric("burnish_workers", "gauge", "Workers that are up.", [({}, pool.up)])
    yield Metric("burnish_workers_wanted", "gauge", "Workers that should be up.", [({}, pool.wanted)])
    yield Metric("burnish_runners", "gauge", "Live runners.", [({}, len(seen.reports))])
    yield Metric("burnish_live_jobs", "gauge", "Jobs that are being conducted.", [({}, len(needs))])
    in_flight = sum(need.in_flight for need in needs)
    yield Metric("burnish_blocks_in_flight", "gauge", "Blocks that are with workers.", [({}, in_flight)])
    yield Metric("burnish_jobs_total", "counter", "Jobs that were created.", [({}, usage.jobs)])
    worked = "Seconds that workers spent on blocks."
    yield Metric("burnish_worker_seconds_total", "counter", worked, [({}, usage.worker_seconds)])
    states = ("made", "kept", "broken")
    promises = [({"state": state}, getattr(usage, f"promises_{state}")) for state in states]
    yield Metric("burnish_promises_total", "counter", "Tolerances promised by a deadline.", promises)
    flown = [({"canary": c.name, "verdict": each}, getattr(c, each)) for c in canaries.data for each in VERDICTS]
    yield Metric("burnish_canary_runs_total", "counter", "Known answers, by whether the interval held.", flown)
    ratios = [({"canary": c.name}, c.calibration) for c in canaries.data if c.calibration is not None]
    yield Metric("burnish_canary_calibration", "gauge", "Mean half-width reached over forecast.", ratios)
    alarms = [({"canary": c.name}, float(c.failing)) for c in canaries.data]
    yield Metric("burnish_canary_failing", "gauge", "1: more misses than chance brings.", alarms)


def _written(metric: Metric) -> str:
    head = f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.type}\n"
    return head + "".join(f"{metric.name}{_labels(labels)} {value:.10g}\n" for labels, value in metric.samples)


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
