"""Random probes of second derivatives: what to take where all of them are too many.

For random vectors r with E[r r^T] = Id, E[(sigma r)^T (Hess u) (sigma r)] = Tr(sigma sigma^T Hess u). Drawn afresh for
each sample, they leave what is linear in the generator without bias; never an argument of F, so u and z stay exact.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.forward import Carrier, carried, chunk_of, in_chunks
from burnish_workers.tensors.jets import Jet, attached, slopes_of

Probes = Literal["hutchinson", "coordinates"]


def directions(kind: Probes, x: Tensor, diffusion: Diffusion, generator: torch.Generator | None, probes: int) -> Tensor:
    """Vectors v_j (m, B, d) with E[sum_j v_j v_j^T] = sigma sigma^T, drawn for each sample.

    `hutchinson`: sigma r / sqrt(m), r of m independent random signs each; variance 1/m 2 sum_{i != j} A_ij^2 for the
    trace of A. `coordinates`: sqrt(k/m) columns of sigma, m of them without replacement; no variance where all are
    alike, none at all for m = k. Sources: M. F. Hutchinson, Commun. Stat. Simul. 19 (1990); Z. Hu et al., Neural
    Networks 176 (2024), for random coordinates.
    """
    count = diffusion.noise_dim(x.shape[1])
    if generator is None:
        raise ValueError(f"{kind} probes are random: give a generator")
    if kind == "hutchinson":
        shape = (probes, len(x), count)
        coins = torch.randint(0, 2, shape, generator=generator, device=x.device, dtype=x.dtype)
        noise = (2 * coins - 1) / probes**0.5
    else:
        probes = min(probes, count)
        order = torch.rand(len(x), count, generator=generator, device=x.device).argsort(1)[:, :probes]
        chosen = torch.zeros(probes, len(x), count, device=x.device, dtype=x.dtype)
        noise = chosen.scatter_(2, order.T[:, :, None], (count / probes) ** 0.5)
    return torch.stack([diffusion.apply(each) for each in noise])


def probed_jet(
    field: Carrier,
    kind: Probes,
    probes: int,
    t: Tensor,
    x: Tensor,
    drift: Tensor,
    diffusion: Diffusion,
    generator: torch.Generator | None,
) -> Jet:
    """u and z by one reverse pass, the generator along `probes` random directions by one forward pass."""
    along = directions(kind, x, diffusion, generator, probes)
    u, by_x = slopes_of(field.value, t, x)

    def rows(i: int, j: int) -> Jet:
        dual = carried(field, t[i:j], x[i:j], drift[i:j], along[:, i:j])
        generated = x.new_zeros(j - i) if dual.generated is None else dual.generated.expand(j - i).to(x.dtype)
        return Jet(u[i:j], by_x[i:j], generated)

    jet = in_chunks(rows, len(t), chunk_of(field.breadth * len(along), x.device))
    return Jet(*(attached(part, x) for part in (u, diffusion.transpose(by_x), jet.generated)))
