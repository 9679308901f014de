"""Who judges: values of unfinished paths, scores of finished ones, and how both are put together."""

from burnish_workers.kinds.reasoning.verifiers.build import Brings, admit, verifier_of
from burnish_workers.kinds.reasoning.verifiers.reading import Reading, asked_of

__all__ = ["Brings", "Reading", "admit", "asked_of", "verifier_of"]
