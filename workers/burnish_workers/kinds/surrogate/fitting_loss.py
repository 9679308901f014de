"""What a step of training looks at: the squared misfits at places drawn for that step, and what they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from burnish_workers.kinds.surrogate.equation import TensorEquation
from burnish_workers.kinds.surrogate.fitting_network import Parameters, Scaling, folded, misfit
from burnish_workers.kinds.surrogate.fitting_optimisers import flat
from burnish_workers.kinds.surrogate.fitting_places import Places


@dataclass
class StepLoss:
    """The loss of one step, in units of the output's squared size, so that step sizes fit any equation.

    `draw` gives the step's places, and when called again others: those that `judged` takes. The first misfits that are
    asked for, those at the parameters with which the step begins, are remembered.
    """

    equation: TensorEquation
    scaling: Scaling
    terminal_weight: float
    draw: Callable[[], Places]
    _places: Places = field(init=False)
    _others: Places | None = None
    _first: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        self._places = self.draw()

    def loss(self, parameters: Parameters) -> Tensor:
        """mean residual^2 + terminal_weight mean mismatch^2."""
        return _sum_of_squares(self._remembered(parameters))

    @torch.no_grad()
    def judged(self, parameters: Parameters) -> Tensor:
        """The loss at other places."""
        if self._others is None:
            self._others = self.draw()
        return _sum_of_squares(self._terms(parameters, self._others))

    @torch.no_grad()
    def each(self, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """The terms r (n,) with loss = |r|^2, and their gradients (n, p) in the order of `flat`."""
        terms = torch.cat(self._remembered(parameters))
        rows = torch.cat([self._gradients(parameters, which) for which in (0, 1)])
        root = len(self._places.t) ** 0.5
        return terms / root, rows / root

    def sums(self) -> Tensor:
        """The loss, and the mean squares of residual and mismatch in units of u, with which the step began."""
        assert self._first is not None
        residual, terminal = (part.detach().double().square().mean() for part in self._first)
        unit = self.scaling.size.double() ** 2
        return torch.stack([residual + terminal, residual * unit, terminal * unit / (self.terminal_weight or 1.0)])

    def _remembered(self, parameters: Parameters) -> tuple[Tensor, Tensor]:
        terms = self._terms(parameters, self._places)
        self._first = self._first or terms
        return terms

    def _terms(self, parameters: Parameters, places: Places) -> tuple[Tensor, Tensor]:
        found = misfit(self.equation, folded(parameters, self.scaling), places)
        size = self.scaling.size
        return found.residual / size, found.terminal * self.terminal_weight**0.5 / size

    def _gradients(self, parameters: Parameters, which: int) -> Tensor:
        def term(parameters: Parameters, place: Places) -> Tensor:
            return self._terms(parameters, Places(*(part[None] for part in place)))[which][0]

        gradients = torch.func.vmap(torch.func.grad(term), in_dims=(None, 0))(parameters, self._places)
        return torch.func.vmap(flat)(gradients)


def _sum_of_squares(terms: tuple[Tensor, Tensor]) -> Tensor:
    return sum((term.square().mean() for term in terms), torch.zeros_like(terms[0][0]))
