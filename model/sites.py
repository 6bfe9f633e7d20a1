"""Sites: the name of every activation of a network, the same in code, API, page and files.

A site is `layer{l}.{direction}.{activation}`, for example `layer0.forward.forget_gate`. What
activations a cell has is the cell's own affair (model/cells.py); this file only joins and splits.
"""

from __future__ import annotations

from typing import NamedTuple

from model.cells import CELL_TYPES
from model.config import NetworkConfig
from model.errors import SiteError


class Site(NamedTuple):
    """One activation of one layer in one direction."""

    layer: int
    direction: str
    activation: str

    def __str__(self) -> str:
        return f"layer{self.layer}.{self.direction}.{self.activation}"


def all_sites(config: NetworkConfig) -> list[Site]:
    """Every site of the network: layers from the bottom up, directions, activations in the order of computing."""
    activations = CELL_TYPES[config.cell].activations
    return [
        Site(layer, direction, activation)
        for layer in range(config.n_layers)
        for direction in config.directions
        for activation in activations
    ]


def parse_site(name: str, config: NetworkConfig) -> Site:
    """The site called `name`. Raises SiteError, which lists what the network has."""
    sites = {str(site): site for site in all_sites(config)}
    if name not in sites:
        raise SiteError(
            f"there is no site {name!r:.80} in this network ({config.cell}, {config.n_layers} layers, "
            f"{config.direction}). Its sites are layerL.DIRECTION.ACTIVATION with L from 0 to {config.n_layers - 1}, "
            f"DIRECTION {' or '.join(config.directions)}, "
            f"ACTIVATION {', '.join(CELL_TYPES[config.cell].activations)}."
        )
    return sites[name]
