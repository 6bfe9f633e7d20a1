"""Networks of different cells with as many weights. Knows configs; trains nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from model.config import NetworkConfig
from model.structure import n_weights
from training.errors import ExperimentError

TOLERANCE = 0.02
"""By how much, at most, the numbers of weights may differ from the reference's, as a share of it."""


def matched(reference: NetworkConfig, cells: Iterable[str], tolerance: float = TOLERANCE) -> dict[str, NetworkConfig]:
    """Cell -> the reference with that cell and the hidden size whose number of weights comes nearest to its own.

    Raises ExperimentError where even the nearest differs by more than `tolerance`: a unit of a small network weighs
    too much.
    """
    wanted = n_weights(reference)
    found = {}
    for cell in cells:
        nearest = _nearest(replace(reference, cell=cell), wanted)
        if abs(n_weights(nearest) - wanted) > tolerance * wanted:
            raise ExperimentError(
                f"no {cell} of {reference.n_layers} layers has within {tolerance:.0%} of the {wanted:,} weights of a "
                f"{reference.cell} of {reference.hidden_size} units; the nearest, {nearest.hidden_size} units, has "
                f"{n_weights(nearest):,}. Choose another size."
            )
        found[cell] = nearest
    return found


def _nearest(config: NetworkConfig, wanted: int) -> NetworkConfig:
    """By bisection: more units always mean more weights."""
    low, high = 1, 2
    while n_weights(replace(config, hidden_size=high)) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if n_weights(replace(config, hidden_size=middle)) < wanted else (low, middle)
    sizes = [replace(config, hidden_size=size) for size in (low, high)]
    return min(sizes, key=lambda each: abs(n_weights(each) - wanted))
