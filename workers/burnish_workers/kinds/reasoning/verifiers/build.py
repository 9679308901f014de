"""From what a spec asks for to a verifier; and the same at the door, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from burnish.wire.specs.verifiers import (
    ConstantValues,
    HttpVerifier,
    OwnValues,
    ReasoningVerifier,
    ScoreFormula,
    ValueFormula,
)
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.checks import passes_by
from burnish_workers.kinds.reasoning.protocols import Verifier
from burnish_workers.kinds.reasoning.verifiers.checked import Checked
from burnish_workers.kinds.reasoning.verifiers.combined import Combined
from burnish_workers.kinds.reasoning.verifiers.constant import Constant
from burnish_workers.kinds.reasoning.verifiers.formulas import (
    OWN_VALUE,
    PASSED,
    FormulaScores,
    FormulaValues,
    formula_of,
)
from burnish_workers.kinds.reasoning.verifiers.http import RewardModel
from burnish_workers.kinds.reasoning.verifiers.reading import Reading
from burnish_workers.outbound.allowed import check_url

VALUES, ENDS = "/verifier/values", "/verifier/ends"


@dataclass(frozen=True)
class Brings:
    """What a problem has of its own. `values`: of unfinished paths; `ends`: a judgement of finished ones; `fixed`: no
    other judgement makes sense, since the problem *is* its judgement; `name`: of the problem, in messages."""

    values: bool
    ends: bool
    fixed: bool
    name: str


def admit(asked: ReasoningVerifier, brings: Brings) -> None:
    """Judge a verifier at the door, without any model. Raises SpecError."""
    _values_formula(asked, brings)
    if isinstance(asked.values, HttpVerifier):
        check_url(asked.values.url, f"{VALUES}/url")
    if asked.ends is None:
        if not brings.ends:
            what = f"{brings.name} brings no check, so that nothing says which ends are right"
            raise SpecError(ENDS, f"{what}: give verifier.ends, for example {_EXAMPLE}")
    elif brings.fixed:
        raise SpecError(ENDS, f"{brings.name} judges its ends by itself; leave verifier.ends out, or set values alone")
    elif isinstance(asked.ends, ScoreFormula):
        formula_of(asked.ends.expression, f"{ENDS}/expression", PASSED if brings.ends else None)
    elif isinstance(asked.ends, HttpVerifier):
        check_url(asked.ends.url, f"{ENDS}/url")
    else:
        passes_by(asked.ends, ENDS)


_EXAMPLE = '{"type": "matches", "pattern": "..."} or {"type": "number", "value": 12}'


def verifier_of(asked: ReasoningVerifier, brings: Brings, own: Verifier | None, reading: Reading) -> Verifier:
    """The verifier that a spec asks for; `own`: what the problem brings, None where it brings nothing.

    Raises SpecError as `admit` does.
    """
    admit(asked, brings)
    if isinstance(asked.values, OwnValues) and asked.ends is None and own is not None and brings.values:
        return own
    return Combined(_values(asked, brings, own, reading), _ends(asked, own, reading, brings))


def _values(asked: ReasoningVerifier, brings: Brings, own: Verifier | None, reading: Reading) -> Verifier:
    values = asked.values
    if isinstance(values, HttpVerifier):
        return _http(values, reading, VALUES)
    formula = _values_formula(asked, brings)
    if formula is not None:
        return FormulaValues(formula, reading, own if brings.values else None)
    if isinstance(values, ConstantValues) or own is None or not brings.values:
        return Constant()
    return own


def _values_formula(asked: ReasoningVerifier, brings: Brings):
    if not isinstance(asked.values, ValueFormula):
        return None
    return formula_of(asked.values.expression, f"{VALUES}/expression", OWN_VALUE if brings.values else None)


def _ends(asked: ReasoningVerifier, own: Verifier | None, reading: Reading, brings: Brings) -> Verifier:
    ends = asked.ends
    if ends is None:
        assert own is not None  # admitted
        return own
    if isinstance(ends, HttpVerifier):
        return _http(ends, reading, ENDS)
    if isinstance(ends, ScoreFormula):
        known = PASSED if brings.ends else None
        return FormulaScores(formula_of(ends.expression, f"{ENDS}/expression", known), reading, own)
    return Checked(passes_by(ends, ENDS), reading)


def _http(asked: HttpVerifier, reading: Reading, at: str) -> Verifier:
    timeout, where = asked.timeout, f"{at}/url"
    return RewardModel(asked.url, reading.asked, reading.words, asked.model, timeout, asked.noisy, where)
