"""The ranking of units by gender that a bundle may carry: by layer and direction, the unit that carries most first.

`anaphora units --record` writes it into bundle.json; traces read it for "gender:K". Knows JSON, not networks' insides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.config import NetworkConfig
from model.errors import BundleContentError, SiteError
from model.sites import Site

FIELD = "gender_units"
Ranking = Mapping[str, tuple[int, ...]]
"""`layer1.forward` -> numbers of units."""


def ranking_of(metadata: Mapping[str, Any], network: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """The ranking in a bundle.json; empty where it has none. Raises BundleContentError where it is impossible."""
    entry = metadata.get(FIELD)
    if entry is None:
        return {}
    stacks = [f"layer{layer}.{direction}" for layer in range(network.n_layers) for direction in network.directions]
    ranking = entry.get("ranking") if isinstance(entry, Mapping) else None
    if not isinstance(ranking, Mapping) or not set(ranking) <= set(stacks):
        raise BundleContentError(
            f"bundle.json: {FIELD} must hold a ranking of units by layer and direction ({', '.join(stacks)}); "
            f"received {entry!r:.80}. Record it again: anaphora units --record."
        )
    return {stack: _numbers(stack, ranking[stack], network.hidden_size) for stack in stacks if stack in ranking}


def _numbers(stack: str, entries: object, hidden_size: int) -> tuple[int, ...]:
    units = [entry.get("unit") if isinstance(entry, Mapping) else entry for entry in _listed(entries)]
    numbers = tuple(unit for unit in units if type(unit) is int and 0 <= unit < hidden_size)
    if not numbers or len(set(numbers)) != len(units):
        raise BundleContentError(
            f"bundle.json: {FIELD} of {stack} is {entries!r:.80}; expected a list of units from 0 to "
            f"{hidden_size - 1}, each once, as {{'unit': number}}. Record it again: anaphora units --record."
        )
    return numbers


def _listed(entries: object) -> list[Any]:
    return entries if isinstance(entries, list) else []


def units_at(ranking: Ranking, site: Site, count: int) -> tuple[int, ...]:
    """The first `count` units of the ranking at a site's layer and direction; all, where it has fewer.

    Raises SiteError where the bundle has no ranking there.
    """
    stack = f"layer{site.layer}.{site.direction}"
    if stack not in ranking:
        there = f"it has one of {', '.join(ranking)} alone" if ranking else "it has none"
        raise SiteError(
            f'units is "gender:{count}", and this model\'s bundle holds no ranking of the units of {stack} by gender '
            f'({there}). Write one with: anaphora units BUNDLE --record; or ask for "top:{count}".'
        )
    return ranking[stack][:count]
