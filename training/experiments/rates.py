"""Which learning rate a network gets: the best of a few, with a look beyond where that is the last that was tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.errors import DivergedError
from training.progress import say

MOST_BEYOND = 3
"""Rates tried beyond those given, in either direction: a loss that falls and falls must end somewhere."""


@dataclass(frozen=True)
class Tuned:
    """The learning rate that was chosen, and what each gave."""

    rate: float
    losses: Mapping[float, float]
    """Nats where nothing else is measured, by rate, rising; infinite where the training ran away."""

    @property
    def at_the_edge(self) -> bool:
        """Whether one further out was not tried, so that the best may lie there."""
        return self.rate in (min(self.losses), max(self.losses))


def tuned(name: str, rates: Sequence[float], loss: Callable[[float], float]) -> Tuned:
    """The rate with the lowest loss, the one tried first of several that are even.

    While the best is the lowest or the highest of those tried, the next beyond it is tried too, as far from it as its
    neighbour is (as a factor), MOST_BEYOND times. `rates`: two or more, rising. `loss` may raise DivergedError.
    """
    losses = {rate: _finite_or_worst(loss, rate) for rate in rates}
    for _ in range(MOST_BEYOND):
        best, tried = _best(losses), sorted(losses)
        if best not in (tried[0], tried[-1]) or math.isinf(losses[best]):
            break
        neighbour = tried[1] if best == tried[0] else tried[-2]
        beyond = float(f"{best * best / neighbour:.3g}")  # 0.03 beyond 0.01 and 0.003 is 0.1, to read and to compare
        losses[beyond] = _finite_or_worst(loss, beyond)
    chosen = Tuned(_best(losses), dict(sorted(losses.items())))
    each = ", ".join(f"{rate:g} ({nats:.3f} nats)" for rate, nats in chosen.losses.items())
    beyond_that = "; what lies beyond was not tried" if chosen.at_the_edge else ""
    say(f"{name}: learning rate {chosen.rate:g} of {each}{beyond_that}")
    return chosen


def _best(losses: Mapping[float, float]) -> float:
    return min(losses, key=lambda rate: losses[rate])


def _finite_or_worst(loss: Callable[[float], float], rate: float) -> float:
    try:
        found = loss(rate)
    except DivergedError:
        return math.inf
    return found if math.isfinite(found) else math.inf
