"""Numbers and sentences for people: shared by the notebook display and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from burnish import wire
from burnish.reasoned import Reasoned, named

_NO = "-"


def number(value: float | None, half_width: float | None = None) -> str:
    """A number to as many digits as its half-width (or 4 significant ones) lets stand: 0.05281 for +-0.00029."""
    if value is None:
        return _NO
    if not half_width or not math.isfinite(half_width):
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(half_width))
    if places > 9 or abs(value) >= 1e7:
        return f"{value:.{max(1, places + _exponent(value))}e}"
    return f"{value:.{max(0, places)}f}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def short(value: float | None) -> str:
    """Two significant digits: 2.9e-4, 0.012, 35."""
    if value is None:
        return _NO
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.2g}'):g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def count(n: float) -> str:
    """812, 16.4k, 2.5M."""
    for scale, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= scale:
            return f"{float(f'{n / scale:.3g}'):g}{letter}"
    return f"{n:g}"


def duration(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def half_widths(interval: wire.Interval | None) -> list[float | None]:
    """(upper - lower) / 2 per output; null where that output is refused."""
    if interval is None:
        return []
    pairs = zip(interval.lower, interval.upper, strict=True)
    return [None if lo is None or hi is None else (hi - lo) / 2 for lo, hi in pairs]


def widest(refinement: wire.Refinement | None) -> float | None:
    """The half-width of the worst output, listed or not; null when there is none."""
    if refinement is None or refinement.interval is None:
        return None
    if refinement.arrays is not None:
        return refinement.arrays.widest_half_width
    return max((h for h in half_widths(refinement.interval) if h is not None), default=None)


def outputs_of(refinement: wire.Refinement) -> int:
    """How many outputs the answer has, listed or not."""
    return refinement.arrays.outputs if refinement.arrays else len(refinement.estimate.value)


def widths(told: wire.Refinement | None) -> str:
    """`half-widths at most 0.0031`, `187 with intervals, half-widths at most 0.0031`; empty without an interval."""
    if told is None or (half := widest(told)) is None:
        return ""
    known = sum(each is not None for each in half_widths(told.interval))
    some = told.arrays is None and known < outputs_of(told)  # of a long answer only a part is listed
    return (f"{known} with intervals, " if some else "") + f"half-widths at most {short(half)}"


def output(refinement: wire.Refinement, index: int) -> str:
    """`mean[0][3]` where the answer has several named parts, the answer whose chance it is, else `output 3`."""
    if names := named(refinement):
        return plain(names[index])
    parts = refinement.layout or []
    for part in parts if len(parts) > 1 else []:
        if (place := part.place(index)) is not None:
            return part.name + "".join(f"[{i}]" for i in place)
    return f"output {index}"


def limits(interval: wire.Interval | None, output: int) -> str:
    """`[0.0525, 0.0531]`, to the digits that its own width lets stand."""
    if interval is None or output >= len(interval.lower):
        return _NO
    lower, upper = interval.lower[output], interval.upper[output]
    if lower is None or upper is None:
        return "refused"
    half = (upper - lower) / 2
    return f"[{number(lower, half)}, {number(upper, half)}]"


def spent(value: wire.Spent) -> str:
    """`3.2 s, 16.4k units`, with what else was used."""
    parts = [duration(value.seconds), f"{count(value.units)} units"]
    if value.tokens:
        parts.append(f"{count(value.tokens)} tokens")
    if value.verifier_calls:
        parts.append(f"{count(value.verifier_calls)} verifier calls")
    if value.gpu_seconds:
        parts.append(f"{duration(value.gpu_seconds)} of GPU")
    return ", ".join(parts)


def stopped(job: wire.Job) -> str:
    """`, stopped by abs tol`; nothing where the status says it already."""
    why = job.stopped_by
    return f", stopped by {why.replace('_', ' ')}" if why and why != job.status else ""


def promisable(reachable: wire.Reachable | None, earliest: str | None) -> str:
    """What to ask for instead of a deadline that cannot be met, as options: `--abs-tol 0.02, or --deadline ...`."""
    told = {"--abs-tol": reachable.abs_tol, "--rel-tol": reachable.rel_tol} if reachable else {}
    asked = " ".join(f"{name} {value:g}" for name, value in told.items() if value is not None)
    return ", or ".join(part for part in (asked, f"--deadline {earliest}" if earliest else "") if part)


def promise(value: wire.Promise) -> str:
    """`±0.02 promised by 2026-01-31T12:00:00Z: kept`."""
    return f"{target(value.abs_tol, value.rel_tol)} promised by {value.deadline}: {value.state}"


def target(abs_tol: float | None, rel_tol: float | None) -> str:
    """The tolerance asked for."""
    asked = [f"±{short(abs_tol)}"] if abs_tol is not None else []
    asked += [f"±{100 * rel_tol:.3g} %"] if rel_tol is not None else []
    return " or ".join(asked)


def forecast(value: wire.Forecast | None, aim: str = "") -> str:
    """What more compute would buy, in one line; empty when nothing is known."""
    if value is None:
        return ""
    parts = [f"{times} compute → ±{short(error)}" for times, error in value.error_at.items()]
    if (when := value.seconds_to_target) and when.estimate > 0:
        sure = f" ({duration(when.lower)} to {duration(when.upper)})" if when.upper > when.lower else ""
        parts.append(f"{aim or 'the tolerance'} in about {duration(when.estimate)}{sure}")
    elif value.units_to_target:
        parts.append(f"{aim or 'the tolerance'} after {count(value.units_to_target)} units")
    if value.floor:  # 0: unbiased, any tolerance is a matter of time
        parts.append(f"no sampling gets below ±{short(value.floor)}")
    return ", ".join(parts)


def refusal(value: wire.Refused) -> str:
    """Why there is no interval, and what to do."""
    whom = "" if value.outputs is None else f" for {outputs(value.outputs)}"
    return f"no interval{whom}: {value.why.removesuffix('.')}; {value.advice}"


def outputs(indices: Sequence[int], most: int = 5) -> str:
    """`output 3`, `outputs 1, 2, 3, 4, 5 and 12 more`."""
    named = ", ".join(str(i) for i in indices[:most])
    rest = f" and {len(indices) - most} more" if len(indices) > most else ""
    return f"output{'s' if len(indices) != 1 else ''} {named}{rest}"


def headline(last: wire.Refinement | None, told: wire.Refinement | None) -> str:
    """The answer in one line: one output in full, many by their widest half-width.

    `told`: the refinement that brought the newest interval.
    """
    if last is None:
        return "no answer yet"
    if named(last):
        return leading(Reasoned.of(last, told.interval if told else None))
    if len(value := last.estimate.value) == 1:
        half = widest(told)
        return number(value[0], half) + (f" ± {short(half)}" if half is not None else "")
    return f"{outputs_of(last)} outputs, {widths(told) or 'no interval yet'}"


def leading(found: Reasoned) -> str:
    """`12 decided: 0.701 ± 0.035`, `12 leads: 0.40 ± 0.21`; without an interval `12 leads: 0.4`."""
    if found.leader is None:
        return "no answer yet"
    chance = found.answers[found.leader]
    known = chance.lower is not None and chance.upper is not None
    half = (chance.upper - chance.lower) / 2 if chance.lower is not None and chance.upper is not None else None
    verb = "decided" if found.decided else "leads"
    return f"{plain(found.leader)} {verb}: {number(chance.value, half)}" + (f" ± {short(half)}" if known else "")


def plain(text: str, most: int = 200) -> str:
    """A text that a model wrote, on one line and without what a terminal would obey; cut to `most` signs."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def spec_tolerance(job: wire.Job) -> tuple[float | None, float | None]:
    """abs_tol and rel_tol that the job asks for."""
    if not isinstance(job.spec, wire.SpecBase):
        return None, None
    return job.spec.budget.abs_tol, job.spec.budget.rel_tol


def allowed(estimate: float | None, abs_tol: float | None, rel_tol: float | None) -> float | None:
    """The half-width asked for at this estimate: max(abs_tol, rel_tol |estimate|); null without a tolerance."""
    if abs_tol is None and rel_tol is None:
        return None
    return max(abs_tol or 0.0, (rel_tol or 0.0) * abs(estimate or 0.0))


def progress(data: Mapping[str, Any], width: int = 20) -> str:
    """`fitting ██████░░░░ 240 of 600 steps, 3.2 s, loss 3.1e-4`, from the data of a `progress` event."""
    done, total = data.get("done") or 0, data.get("total")
    filled = round(width * min(done / total, 1)) if total else 0
    bar = "█" * filled + "░" * (width - filled) + " " if total else ""
    steps = f"{count(done)} of {count(total)} steps" if total else f"trying: {count(done)} steps"
    parts = [f"{data.get('stage', '')} {bar}{steps}"]
    spent: Mapping[str, float] = data.get("spent") or {}
    metrics: Mapping[str, float | None] = data.get("metrics") or {}
    if "seconds" in spent:
        parts.append(duration(spent["seconds"]))
    if metrics.get("loss") is not None:
        parts.append(f"loss {short(metrics['loss'])}")
    return ", ".join(parts)
