"""What kind `posterior` resolves for itself: how islands are simulated. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from burnish_workers.core.estimator import Plan

EVALUATIONS = {"gradient": 2.7, "classifier_free": 2.0}
"""Cost of a step in forward passes of the network, where it is not 1."""

BIASED = ("fk_steering", "dps", "mcgdiff")
"""Published methods whose samples follow another law than the one asked for."""

FROM_NOISE = ("urge", *BIASED)
"""Published methods: they start from normal noise unless told otherwise."""


@dataclass(frozen=True)
class Recipe:
    """How one island is simulated. All of it is proposal or potential: none of it changes what is estimated.

    `kept`: particles of an island that go into the samples, 0 where none are asked for; `drawn`: islands of a
    replicate, where chains of islands are replicates: the mean of a pilot.
    """

    method: str
    particles: int
    guidance: str
    strength: float
    potential: str
    tempering: str
    inflation: float
    kept: int = 0
    drawn: float = 1.0

    def to_plan(self) -> Plan:
        return dict(asdict(self).items())

    @staticmethod
    def from_plan(plan: Mapping[str, Any]) -> Recipe:
        """Raises KeyError where the plan lacks something."""
        return Recipe(**{field.name: plan[field.name] for field in fields(Recipe) if field.name in plan})

    @property
    def checking(self) -> Recipe:
        """The proposal that the check is made by: as unlike this one as can be."""
        return replace(self, guidance="none" if self.guidance != "none" else "kalman", strength=1.0, kept=0)

    @property
    def biased(self) -> bool:
        """Whether no number of islands tends to the answer."""
        return self.method in BIASED

    @property
    def checked(self) -> bool:
        """Whether islands of another proposal go with those of the answer."""
        return self.method in ("smc", "urge")

    @property
    def evaluations(self) -> float:
        """Forward passes of the network per particle and step."""
        return EVALUATIONS.get(self.guidance, 1.0)


ISLANDS = "islands"
"""The component of an answer that islands make."""

CHAINS = "chains"
"""Pairs of coupled chains over islands."""

CHECK = "check"
"""Islands of another proposal: they answer nothing, but must find the same evidence."""

EVERY = 8
"""Islands of the answer to one of the check."""


def checks_before(islands: int) -> int:
    """How many islands of the check go with the first so many."""
    return islands // EVERY


SAMPLES = "samples"
"""The particles that are kept."""

NOTES = ("dead", "resampled", "least", "tail_index")
"""What an island tells of itself: particles of weight 0 because a factor was no number, resamplings, the smallest
effective sample size over N on the way, and the tail index of its last weights."""
