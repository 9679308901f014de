"""Tokens by inverting the distribution function in double precision: one uniform number, one token."""

from __future__ import annotations

import torch
from torch import Tensor


def tokens_of(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """A token (B,) of each row, and its log-probability.

    p(i) ~ exp(l_i / temperature) over the nucleus, the smallest set of likeliest tokens that holds `top_p`;
    the token is the first i with p(0) + ... + p(i) > u.

    Args:
        logits: (B, V).
        temperature, top_p, uniform: (B,), in double precision; 0 <= uniform < 1.

    Raises:
        ValueError: logits that are not numbers.
    """
    scaled = logits.double() / temperature[:, None]
    weights = (scaled - scaled.amax(1, keepdim=True)).exp()
    if bool((top_p < 1).any()):
        weights = torch.where((top_p < 1)[:, None], _nucleus(weights, top_p), weights)
    ends = weights.cumsum(1)
    total = ends[:, -1]
    if not bool(total.isfinite().all()):
        raise ValueError("the model's logits are not numbers")
    # u total may be rounded up to the total itself, beyond the last token.
    point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    found = torch.searchsorted(ends, point[:, None], right=True)
    return found[:, 0], (weights.gather(1, found)[:, 0] / total).log()


def _nucleus(weights: Tensor, top_p: Tensor) -> Tensor:
    """Weights of the tokens before which there is less than top_p; 0 for all others. The likeliest always stays."""
    ordered, places = weights.sort(dim=1, descending=True, stable=True)
    ends = ordered.cumsum(1)
    kept = ends - ordered < top_p[:, None] * ends[:, -1:]
    return torch.zeros_like(weights).scatter(1, places, torch.where(kept, ordered, 0.0))
