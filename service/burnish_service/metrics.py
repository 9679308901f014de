"""Numbers for Prometheus, in its text format: written from the store, so that every front says the same.

Sums over processes belong to the store, not to a process: a front or a runner that is replaced takes nothing with it,
and whichever of them is asked tells the whole. Ray's own metrics, of its nodes and actors, are exported by its agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from burnish.wire import TERMINAL, Canaries, Consumption
from burnish_service.context import Pool
from burnish_workers.engine.coordination import Overview
from burnish_workers.engine.counts import AGES, RATIOS
from burnish_workers.engine.webhooks import OUTCOMES, Backlog

VERDICTS = ("held", "missed", "refused", "broken")
LIVE = ("queued", "resolving", "waiting_for_resources", "waiting_for_observations", "running")


class Metric(NamedTuple):
    """`samples`: labels and value of each."""

    name: str
    type: str
    help: str
    samples: Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True)
class Seen:
    """All that is told: the pool, what runners and fronts report, live jobs by status, usage, canaries, the store's
    counters (see `Store.tallied`), what waits for webhooks. `by_tenant`: what is spent, by tenant; else their sum."""

    pool: Pool
    overview: Overview
    census: Mapping[str, int]
    usage: Consumption
    canaries: Canaries
    tallies: Mapping[str, float]
    backlog: Backlog = field(default_factory=Backlog)
    by_tenant: bool = True

    def labelled(self, name: str, *labels: str) -> list[tuple[dict[str, str], float]]:
        """The counters `<name>|<value of each label>`, sorted."""
        parts = ((field.split("|"), amount) for field, amount in sorted(self.tallies.items()))
        fitting = ((words[1:], amount) for words, amount in parts if words[0] == name and len(words) == 1 + len(labels))
        return [(dict(zip(labels, words, strict=True)), amount) for words, amount in fitting]


def zeros(kinds: Sequence[str]) -> dict[str, float]:
    """Counters of kinds before anything was counted: one that first appears as 1 has not grown, to Prometheus, and an
    alert on the first crash ever would stay silent."""
    names = (f"{each}|{kind}" for kind in kinds for each in ("blocks", "reissued"))
    ends = (f"ended|{kind}|{status}" for kind in kinds for status in sorted(TERMINAL))
    return dict.fromkeys((*names, *ends), 0.0)


def text(seen: Seen) -> str:
    """All metrics of the service."""
    metrics = (*_pool(seen), *_jobs(seen), *_runners(seen), *_canaries(seen), *_webhooks(seen))
    return "".join(_written(metric) for metric in metrics) + _histograms(seen)


def _pool(seen: Seen) -> Iterator[Metric]:
    fronts = seen.overview.fronts
    yield Metric("burnish_workers", "gauge", "Workers that are up.", [({}, seen.pool.up)])
    yield Metric("burnish_workers_wanted", "gauge", "Workers that should be up.", [({}, seen.pool.wanted)])
    yield Metric("burnish_runners", "gauge", "Live runners.", [({}, len(seen.overview.reports))])
    yield Metric("burnish_fronts", "gauge", "Live fronts.", [({}, len(fronts))])
    yield Metric("burnish_open_streams", "gauge", "Event streams that fronts have open.", [({}, sum(fronts.values()))])


def _jobs(seen: Seen) -> Iterator[Metric]:
    usage = seen.usage
    live = [({"status": status}, seen.census.get(status, 0)) for status in LIVE]
    yield Metric("burnish_jobs_by_status", "gauge", "Live jobs by status.", live)
    yield Metric("burnish_jobs_total", "counter", "Jobs that were created.", [({}, usage.jobs)])
    ended = seen.labelled("ended", "kind", "status")
    yield Metric("burnish_jobs_ended_total", "counter", "Ends of jobs; one that goes on later ends again.", ended)
    worked = "Seconds that workers spent on blocks."
    yield Metric("burnish_worker_seconds_total", "counter", worked, [({}, usage.worker_seconds)])
    spent = seen.labelled("spent", "tenant", "kind", "amount")
    spent = spent if seen.by_tenant else _summed(spent, without="tenant")
    yield Metric("burnish_spent_total", "counter", "What jobs used, by the amounts of budgets.", spent)
    states = ("made", "kept", "broken")
    promises = [({"state": state}, getattr(usage, f"promises_{state}")) for state in states]
    yield Metric("burnish_promises_total", "counter", "Tolerances promised by a deadline.", promises)
    removed = seen.labelled("removed", "what")
    yield Metric("burnish_removed_total", "counter", "What retention has removed.", removed)


def _summed(samples: Iterable[tuple[dict[str, str], float]], without: str) -> list[tuple[dict[str, str], float]]:
    """Over one label, which is left out."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, amount in samples:
        rest = tuple((name, value) for name, value in labels.items() if name != without)
        sums[rest] = sums.get(rest, 0.0) + amount
    return [(dict(rest), amount) for rest, amount in sorted(sums.items())]


def _runners(seen: Seen) -> Iterator[Metric]:
    needs = [need for report in seen.overview.reports for need in report.needs]
    counted = seen.tallies.get
    in_flight, waiting = sum(need.in_flight for need in needs), sum(need.waiting for need in needs)
    yield Metric("burnish_live_jobs", "gauge", "Jobs that are being conducted.", [({}, len(needs))])
    yield Metric("burnish_blocks_in_flight", "gauge", "Blocks that are with workers.", [({}, in_flight)])
    yield Metric("burnish_blocks_waiting", "gauge", "Blocks that came back and are not folded yet.", [({}, waiting)])
    folded = seen.labelled("blocks", "kind")
    yield Metric("burnish_blocks_total", "counter", "Blocks that were folded.", folded)
    again = seen.labelled("reissued", "kind")
    yield Metric("burnish_blocks_reissued_total", "counter", "Issues of folded blocks beyond the first.", again)
    lost = [({}, counted("lost", 0))]
    yield Metric("burnish_blocks_lost_total", "counter", "Blocks whose worker died.", lost)
    taken = [({}, counted("takeovers", 0))]
    yield Metric("burnish_lease_takeovers_total", "counter", "Jobs taken over after their lease ran out.", taken)
    fenced = [({}, counted("fenced", 0))]
    yield Metric("burnish_fenced_writes_total", "counter", "Writes refused: another runner holds the job.", fenced)


def _canaries(seen: Seen) -> Iterator[Metric]:
    data = seen.canaries.data
    flown = [({"canary": c.name, "verdict": each}, getattr(c, each)) for c in data for each in VERDICTS]
    yield Metric("burnish_canary_runs_total", "counter", "Known answers, by whether the interval held.", flown)
    ratios = [({"canary": c.name}, c.calibration) for c in data if c.calibration is not None]
    yield Metric("burnish_canary_calibration", "gauge", "Mean half-width reached over forecast.", ratios)
    shares = [({"canary": c.name}, c.held / (c.held + c.missed)) for c in data if c.held + c.missed]
    yield Metric("burnish_canary_coverage", "gauge", "Share of intervals that held the known answer.", shares)
    alarms = [({"canary": c.name}, float(c.failing)) for c in data]
    yield Metric("burnish_canary_failing", "gauge", "1: more misses than chance brings.", alarms)


def _webhooks(seen: Seen) -> Iterator[Metric]:
    counted = seen.tallies.get
    tries = [({"outcome": each}, counted(f"webhooks|{each}", 0)) for each in OUTCOMES]
    told = "Tries to deliver a message: delivered, to be retried, given up as failed."
    yield Metric("burnish_webhook_deliveries_total", "counter", told, tries)
    waiting, oldest = seen.backlog.waiting, seen.backlog.oldest
    yield Metric("burnish_webhooks_waiting", "gauge", "Messages to webhooks that wait.", [({}, waiting)])
    yield Metric("burnish_webhooks_oldest_seconds", "gauge", "Age of the oldest of them, 0: none.", [({}, oldest)])


def _histograms(seen: Seen) -> str:
    ratio = "Half-width reached over what was forecast at half the units, of jobs that ended."
    age = "Seconds from the writing of a refinement to its delivery to a reader who waited."
    return _histogram("burnish_forecast_ratio", ratio, "forecast", RATIOS, seen.tallies) + _histogram(
        "burnish_delivery_seconds", age, "delivery", AGES, seen.tallies
    )


def _histogram(name: str, help: str, field: str, bounds: tuple[float, ...], tallies: Mapping[str, float]) -> str:
    lines, total = [f"# HELP {name} {help}\n# TYPE {name} histogram\n"], 0.0
    for bound in (*(f"{each:g}" for each in bounds), "+Inf"):
        total += tallies.get(f"{field}|{bound}", 0.0)
        lines.append(f'{name}_bucket{{le="{bound}"}} {total:.10g}\n')
    lines.append(f"{name}_sum {tallies.get(f'{field}|sum', 0.0):.10g}\n{name}_count {total:.10g}\n")
    return "".join(lines)


def _written(metric: Metric) -> str:
    head = f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.type}\n"
    return head + "".join(f"{metric.name}{_labels(labels)} {value:.10g}\n" for labels, value in metric.samples)


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
