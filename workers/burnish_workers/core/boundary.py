r"""Group-sequential boundaries: how far out an interval must reach to hold at every look at once.

The standardised error of a running mean at information fractions t_1 < ... < t_J = 1 behaves as Z_j = B(t_j)/sqrt(t_j)
with B a Brownian motion. The chance that |Z_j| > z_j at any look follows from the recursion of Armitage, McPherson
and Rowe (1969) on the sub-density f_j of B(t_j) before crossing,

    f_j(y) = int_{|x| < b_{j-1}} f_{j-1}(x) phi((y - x)/s_j) / s_j dx,     b_j = z_j sqrt(t_j),   s_j^2 = t_j - t_{j-1}.

The boundary is that of Wang and Tsiatis (1987), z_j = c t_j^(delta - 1/2), with delta = 1/4 unless said otherwise.
"""

# scipy comes without type stubs: this file wraps what the others need of it.
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

DELTA = 0.25
"""Exponent of the boundary: 1/2 is Pocock's (constant z), 0 is O'Brien and Fleming's."""

_FAR = 8.0
"""A look with z above this is crossed with chance < 1.3e-15: added by the union bound, left out of the recursion."""
_CLOSE = 1 / 1024
"""Looks whose relative increment of information is below this are taken as one (see `crossing_probability`)."""
_OVERSHOOT = float(1 / np.sqrt(2 * np.pi))
"""Mean of the positive part of a standard normal variable."""
_DIGITS = 9
"""Critical values are rounded to this many decimals: the last bits of exp() differ between processors."""

_Array = NDArray[np.float64]


def crossing_probability(z: Sequence[float], fractions: Sequence[float]) -> float:
    """Chance that |Z_j| > z_j at any look j.

    Looks closer than 1/1024 of their information are taken as one, at the lowest of their z less
    sqrt((t_last - t_first)/(2 pi t_last)): exact to first order where their z are equal, an upper bound where not.

    Args:
        z: critical values, shape (J,), positive; inf means no look.
        fractions: information at the looks on any common scale, shape (J,), strictly increasing, positive.
    """
    times = _checked(fractions)
    if len(z) != len(times):
        raise ValueError(f"{len(z)} critical values for {len(times)} looks: give one for each")
    merged, at = _merge(np.asarray(z, dtype=np.float64), times)
    spent, last = _walk(merged[:-1], at)
    return min(1.0, spent + last(float(merged[-1])))


@lru_cache(maxsize=4096)
def wang_tsiatis(fractions: tuple[float, ...], alpha: float, delta: float = DELTA) -> float:
    """The constant c for which z_j = c (t_j/t_J)^(delta - 1/2) is crossed at any look with chance alpha.

    Args:
        fractions: information at the looks on any common scale, strictly increasing, positive.
        alpha: joint chance of a miss, two-sided, in (0, 1).
        delta: exponent of the boundary.
    """
    times = _checked(fractions)
    shape = (times / times[-1]) ** (delta - 0.5)
    low, high = fixed_critical(alpha), fixed_critical(alpha / len(times))

    def excess(c: float) -> float:
        return crossing_probability(c * shape, fractions) - alpha

    return round(_root(excess, low * (1 - 1e-6), high * (1 + 1e-2)), _DIGITS)


def last_critical(z_passed: Sequence[float], fractions: Sequence[float], alpha: float) -> float:
    """Critical value of a last, extra look that spends what is left of alpha; inf where nothing is left.

    Args:
        z_passed: critical values of the looks that were passed, shape (J - 1,).
        fractions: information at those looks and, last, at the extra one, shape (J,), strictly increasing.
        alpha: joint chance of a miss over all J looks.
    """
    times = _checked(fractions)
    if len(z_passed) != len(times) - 1:
        raise ValueError(f"{len(z_passed)} passed looks for {len(times)} fractions: give one fraction more than looks")
    z = np.append(np.asarray(z_passed, dtype=np.float64), np.inf)
    merged, at = _merge(z, times)
    spent, last = _walk(merged[:-1], at)
    left = alpha - spent
    if left <= 1e-14:
        return float("inf")
    lowest = _root(lambda value: last(value) - left, 0.0, fixed_critical(min(left, 1.0)) + 1e-6)
    lowered = _lowering(times, _groups(times)[-1])
    return round(lowest + lowered, _DIGITS) if lowest < merged[-1] else float("inf")


@lru_cache(maxsize=4096)
def union_bound(fractions: tuple[float, ...], alpha: float, delta: float = DELTA) -> float:
    """The constant c for which z_j = c (t_j/t_J)^(delta - 1/2) has sum_j 2 Phi(-z_j) = alpha.

    The joint chance of a miss is then at most alpha however the errors at the looks hang together.
    """
    shape = (_checked(fractions)) ** (delta - 0.5)
    excess: Callable[[float], float] = lambda c: float(2 * special.ndtr(-c * shape).sum()) - alpha  # noqa: E731
    return round(
        _root(excess, fixed_critical(alpha) * (1 - 1e-6), fixed_critical(alpha / len(fractions)) + 1e-6), _DIGITS
    )


def last_of_any(z_passed: Sequence[float], fractions: Sequence[float], alpha: float) -> float:
    """As `last_critical` by the union bound: what is left of alpha after the looks that were passed."""
    left = alpha - float(2 * special.ndtr(-np.asarray(z_passed, dtype=np.float64)).sum())
    return round(fixed_critical(left), _DIGITS) if left > 1e-14 else float("inf")


def fixed_critical(alpha: float) -> float:
    """Two-sided normal critical value of a single look, Phi^-1(1 - alpha/2), exact in the far tail."""
    return -float(special.ndtri(alpha / 2))


def open_critical(n: float, best: float, alpha: float) -> float:
    """z after n replicates of an asymptotic confidence sequence, valid at all n together, tightest at n = `best`.

    z = sqrt(2 (n r + 1)/(n r) log(sqrt(n r + 1)/alpha)), r = rho^2 = (-W_{-1}(-alpha^2/e) - 1)/best.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory" (Annals of Statistics
    52, 2024), equations (2) and (9) with the Lambert W function.
    """
    lower_branch = complex(special.lambertw(-(alpha**2) / np.e, -1)).real  # pyright: ignore
    r = (-lower_branch - 1) / best
    return float(np.sqrt(2 * (n * r + 1) / (n * r) * np.log(np.sqrt(n * r + 1) / alpha)))


def enough_replicates(alpha: float) -> int:
    """R from which the skewness that replicates show is taken for theirs, for a chance of a miss of `alpha`: 1.5 z^3
    with z = Phi^-1(1 - alpha/2); 12, 33, 74 and 100 for 1, 10, 200 and 1,000 outputs that share 5 %.

    There the mean of gamma variables of skewness 1 misses 1.5 times as often as it should; of 42 replicates, 3 to 6
    times.
    """
    return int(np.ceil(1.5 * fixed_critical(alpha) ** 3))


def normal_tail(z: float) -> float:
    """Phi(-z), the chance that a standard normal variable exceeds z; above 0 for z up to 37."""
    return float(special.ndtr(-z))


def student_critical(tail: ArrayLike, dof: ArrayLike) -> _Array:
    """The value that Student's t with `dof` degrees of freedom exceeds with chance `tail`; nan where dof is nan."""
    return -np.asarray(special.stdtrit(np.asarray(dof, dtype=np.float64), tail), dtype=np.float64)


def _checked(fractions: Sequence[float]) -> _Array:
    times = np.asarray(fractions, dtype=np.float64)
    if times.size == 0 or times[0] <= 0 or bool(np.any(np.diff(times) <= 0)):
        raise ValueError(f"information fractions {list(fractions)} must be positive and strictly increasing")
    return times / times[-1]


def _groups(times: _Array) -> list[slice]:
    """Runs of looks so close together that they are taken as one."""
    starts = [0]
    for j in range(1, len(times)):
        if times[j] - times[starts[-1]] >= _CLOSE * times[j]:
            starts.append(j)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(times)], strict=True)]


def _lowering(times: _Array, group: slice) -> float:
    span = times[group.stop - 1] - times[group.start]
    return float(_OVERSHOOT * np.sqrt(span / times[group.stop - 1]))


def _merge(z: _Array, times: _Array) -> tuple[_Array, _Array]:
    groups = _groups(times)
    merged = [max(float(z[g].min()) - _lowering(times, g), 0.0) for g in groups]
    return np.array(merged), np.array([times[g.stop - 1] for g in groups])


def _walk(z: _Array, times: _Array) -> tuple[float, Callable[[float], float]]:
    """Chance of crossing at the first J - 1 looks, and the chance of first crossing at look J as a function of z_J."""
    spent = float(2 * special.ndtr(-z[z > _FAR]).sum())
    near = np.flatnonzero(z <= _FAR)
    t, b = np.append(times[near], times[-1]), z[near] * np.sqrt(times[near])
    end = float(np.sqrt(t[-1]))
    if near.size == 0:
        return spent, lambda value: float(2 * special.ndtr(-value))
    spent += float(2 * special.ndtr(-z[near[0]]))
    x, w = _nodes(float(b[0]), 0.0, float(t[0]), float(t[1]))
    mass = w * _phi(x / np.sqrt(t[0])) / np.sqrt(t[0])
    for j in range(1, near.size):
        step = float(np.sqrt(t[j] - t[j - 1]))
        spent += _escape(x, mass, float(b[j]), step)
        y, w = _nodes(float(b[j]), float(t[j - 1]), float(t[j]), float(t[j + 1]))
        mass = w * (_phi((y[:, None] - x) / step) @ mass) / step
        x = y
    step = float(np.sqrt(t[-1] - t[-2]))
    return spent, lambda value: _escape(x, mass, value * end, step)


def _escape(x: _Array, mass: _Array, bound: float, step: float) -> float:
    """Chance of |B + step N| > bound where B has the given mass at x; two tails, no cancellation."""
    tails = special.ndtr((x - bound) / step) + special.ndtr((-x - bound) / step)
    return float(tails @ mass)


def _nodes(bound: float, before: float, now: float, after: float) -> tuple[_Array, _Array]:
    """Gauss-Legendre nodes on (-bound, bound), enough for the kernels that lead here and on from here."""
    sharpness = bound * np.sqrt(1 / (now - before) + 1 / (after - now))
    x, w = _legendre(16 * (2 + int(np.ceil(4 * sharpness / 16))))
    return bound * x, bound * w


@lru_cache(maxsize=256)
def _legendre(count: int) -> tuple[_Array, _Array]:
    x, w = special.roots_legendre(count)
    return np.asarray(x, dtype=np.float64), np.asarray(w, dtype=np.float64)


def _phi(x: _Array) -> _Array:
    return np.exp(-0.5 * x * x) * _OVERSHOOT


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Root between low and high, to 1e-11."""
    return float(optimize.brentq(excess, low, high, xtol=1e-11))  # pyright: ignore
