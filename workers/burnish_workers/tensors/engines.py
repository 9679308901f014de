"""How the Laplacian of a field is taken: one choice for all fields.

| engine        | cost for k Brownian motions            | generated        |
|---------------|----------------------------------------|------------------|
| `forward`     | one pass with k tangents               | exact            |
| `nested`      | k Hessian-vector products              | exact            |
| `hutchinson`  | a reverse pass and one with 1 tangent  | unbiased         |
| `coordinates` | the same                               | unbiased         |

u and z are exact with each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from burnish_workers.core.registry import near
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.duals import Dual
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.forward import chunk_of, in_chunks
from burnish_workers.tensors.jets import Jet, nested_jet
from burnish_workers.tensors.probes import Probes, probed_jet

Engine = Literal["auto", "forward", "nested", "hutchinson", "coordinates"]
ENGINES: tuple[Engine, ...] = ("auto", "forward", "nested", "hutchinson", "coordinates")

EXACT_UP_TO, SPARSE, AUTO_PROBES = 256, 2, 16
"""`auto` takes all second derivatives up to so many Brownian motions, at any number where a tangent has so few entries
(expressions of sums and of functions of single coordinates), and otherwise so many Hutchinson probes.

A probe costs 1/3 of `forward` at k = 20 and 1/10 at k = 100 (5x50 network), but multiplies the variance of a replicate
by 1.0 to 2.3 from surrogates that are 5 to 10 % off, and by 1,510 from one that is 0.08 % off: probe noise does not
shrink with the residual. Exact second derivatives cannot lose more than the ratio of costs, probes lose without limit
as surrogates become better. On expressions whose tangents stay sparse `forward` is cheaper than one probe (1.3 to 4
times, k = 20 to 500). Measured by benchmarks/surrogate/throughput.py.
"""


@dataclass(frozen=True, slots=True)
class NestedField:
    """A field whose derivatives come from nested autograd."""

    field: Field

    @property
    def dim(self) -> int:
        """d."""
        return self.field.dim

    @property
    def breadth(self) -> int:
        """Of the field itself."""
        return self.field.breadth

    def carry(self, t: Dual, x: Dual) -> Dual:
        """As the field itself."""
        return self.field.carry(t, x)

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        return self.field.value(t, x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, generated, all exact. Draws nothing from the generator."""

        def rows(i: int, j: int) -> Jet:
            return nested_jet(self.field.value, t[i:j], x[i:j], drift[i:j], diffusion.rows(i, j))

        elements = self.field.breadth * diffusion.noise_dim(self.dim)
        return in_chunks(rows, len(t), chunk_of(elements, x.device))


@dataclass(frozen=True, slots=True)
class ProbedField:
    """A field whose generator is probed at random, afresh for each sample: unbiased; u and z are exact."""

    field: Field
    kind: Probes
    probes: int = 1

    @property
    def dim(self) -> int:
        """d."""
        return self.field.dim

    @property
    def breadth(self) -> int:
        """Of the field itself."""
        return self.field.breadth

    def carry(self, t: Dual, x: Dual) -> Dual:
        """As the field itself."""
        return self.field.carry(t, x)

    def value(self, t: Tensor, x: Tensor) -> Tensor:
        """u: t (B,), x (B, d) -> (B,)."""
        return self.field.value(t, x)

    def jet(
        self, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None = None
    ) -> Jet:
        """u, z, and generated along `probes` directions drawn from the generator."""
        return probed_jet(self.field, self.kind, self.probes, t, x, drift, diffusion, generator)


def with_engine(field: Field, engine: str, noise_dim: int) -> Field:
    """The field with its derivatives taken by that engine. Raises ValueError for one that is not known."""
    match engine:
        case "auto":
            exact = noise_dim <= EXACT_UP_TO or field.breadth <= SPARSE
            return field if exact else ProbedField(field, "hutchinson", AUTO_PROBES)
        case "forward":
            return field
        case "nested":
            return NestedField(field)
        case "hutchinson" | "coordinates":
            return ProbedField(field, engine)
        case _:
            raise ValueError(f"Laplacian engine: {near(engine, ENGINES)}")
