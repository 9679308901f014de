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

from collections.abc import Callable
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


JetOf = Callable[[Field, Tensor, Tensor, Tensor, Diffusion, torch.Generator | None], Jet]
"""How derivatives of a field are taken: (field, t, x, drift, diffusion, generator) -> jet."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A field whose derivatives are taken in another way than its own."""

    field: Field
    jet_of: JetOf

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
        """u, z and generated; see `Field.jet`."""
        return self.jet_of(self.field, t, x, drift, diffusion, generator)


def nested(
    field: Field, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion, generator: torch.Generator | None
) -> Jet:
    """Exact, by nested autograd. Draws nothing from the generator."""

    def rows(i: int, j: int) -> Jet:
        return nested_jet(field.value, t[i:j], x[i:j], drift[i:j], diffusion.rows(i, j))

    return in_chunks(rows, len(t), chunk_of(field.breadth * diffusion.noise_dim(field.dim), x.device))


@dataclass(frozen=True, slots=True)
class Probed:
    """`generated` along `probes` random directions, afresh for each sample: unbiased; u and z are exact."""

    kind: Probes
    probes: int = 1

    def __call__(
        self,
        field: Field,
        t: Tensor,
        x: Tensor,
        drift: Tensor,
        diffusion: Diffusion,
        generator: torch.Generator | None,
    ) -> Jet:
        return probed_jet(field, self.kind, self.probes, t, x, drift, diffusion, generator)


def with_engine(field: Field, engine: str, noise_dim: int) -> Field:
    """The field with its derivatives taken by that engine. Raises ValueError for one that is not known."""
    match engine:
        case "auto":
            exact = noise_dim <= EXACT_UP_TO or field.breadth <= SPARSE
            return field if exact else Derived(field, Probed("hutchinson", AUTO_PROBES))
        case "forward":
            return field
        case "nested":
            return Derived(field, nested)
        case "hutchinson" | "coordinates":
            return Derived(field, Probed(engine))
        case _:
            raise ValueError(f"Laplacian engine: {near(engine, ENGINES)}")
