"""Gate traces: every activation of chosen units at every token, keyed by site.

The fused call gives the hidden states of all layers; every gate then follows from one matrix product a layer, since
a gate reads only the layer's input and the hidden state before, and the LSTM's cell state from one running sum. So a
trace costs about one more call, not a slow loop over the equations (model/structure.py), which it equals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.cells import Array, State, sigmoid
from model.config import NetworkConfig
from model.equations import EquationsReader
from model.errors import SiteError, TooManyError
from model.gender_units import Ranking, units_at
from model.rows import Ids
from model.runtime import Runtime
from model.sites import Site, all_sites, parse_site

Units = tuple[int, ...] | str
TOP, GENDER = "top:", "gender:"


@dataclass(frozen=True)
class TraceRequest:
    """Which activations to show."""

    sites: tuple[str, ...] | None = None
    """Names of sites; None: all of the network."""
    units: Units = "top:8"
    """Numbers of units, "all", "top:K": at each site the K (or all, if fewer) whose largest and smallest value over
    the tokens lie furthest apart, or "gender:K": the first K of the bundle's ranking of units that carry gender at the
    site's layer and direction."""


class TracedToken(NamedTuple):
    """One column of the picture; <s> and </s> have start = end."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class SiteTrace:
    """One site: units (U,) and values (n_tokens, U); row t is the state after reading token t."""

    units: tuple[int, ...]
    values: Array


@dataclass(frozen=True)
class Trace:
    """A traced text: the most probable filling, with each blank as one token."""

    tokens: tuple[TracedToken, ...]
    sites: Mapping[str, SiteTrace]

    def to_dict(self) -> dict[str, Any]:
        """As in the HTTP reply."""
        return {
            "tokens": [token._asdict() for token in self.tokens],
            "sites": {
                name: {"units": list(site.units), "values": site.values.tolist()} for name, site in self.sites.items()
            },
        }


def check_trace(
    request: TraceRequest, config: NetworkConfig, n_tokens: int, max_values: int, ranking: Ranking
) -> list[Site]:
    """The sites asked for. Raises SiteError for a site, a unit or a ranking that is not there, TooManyError beyond
    `max_values`. `ranking`: the bundle's, of units that carry gender."""
    if request.sites is None:
        sites = all_sites(config)
    else:
        sites = [parse_site(name, config) for name in dict.fromkeys(request.sites)]
        if not sites:
            raise SiteError("the list of sites is empty; name at least one, or leave it out for all.")
    n_units = _n_units(request.units, config.hidden_size)
    if isinstance(request.units, str) and request.units.startswith(GENDER):
        for site in sites:
            units_at(ranking, site, n_units)
    n_values = n_units * n_tokens * len(sites)
    if n_values > max_values:
        raise TooManyError(
            f"the trace would hold {n_values:,} values ({n_tokens} tokens x {n_units} units x {len(sites)} sites); "
            f"the limit is {max_values:,}. Ask for fewer sites or units.",
            "trace",
        )
    return sites


def _n_units(units: Units, hidden_size: int) -> int:
    """How many units are asked for. Raises SiteError."""
    if isinstance(units, str):
        if units == "all":
            return hidden_size
        how, colon, count = units.partition(":")
        if how + colon in (TOP, GENDER) and count.isascii() and count.isdigit() and int(count[:9]) >= 1:
            return min(int(count[:9]), hidden_size)
        raise SiteError(
            f'units is {units!r:.60}; expected numbers, "all", "top:K" such as "top:8", or "gender:K" such as '
            '"gender:8".'
        )
    if not units or len(set(units)) != len(units):
        raise SiteError(f"units is {list(units)!r:.60}; expected at least one unit, each once.")
    for unit in units:
        if type(unit) is not int or not 0 <= unit < hidden_size:
            raise SiteError(f"there is no unit {unit!r:.60}; the layers have units 0 to {hidden_size - 1}.")
    return len(units)


def trace_sites(
    runtime: Runtime,
    weights: Mapping[str, Array],
    ids: Sequence[int],
    sites: Sequence[Site],
    units: Units,
    rows: Mapping[str, NDArray[np.int64]],
    ranking: Ranking,
) -> dict[str, SiteTrace]:
    """Reads ids (T,), <s> and </s> among them, and returns the asked activations.

    `rows`: by direction, the index into ids shown in each column (a blank of several pieces is one column). `ranking`:
    as in `check_trace`.
    """
    traces = {}
    for direction in runtime.config.directions:
        wanted = [site for site in sites if site.direction == direction]
        if not wanted:
            continue
        order = list(ids) if direction == "forward" else list(ids)[::-1]
        hidden = [layer[:, 0] for layer in runtime.read(direction, [order], all_layers=True).layers]  # each (T, H)
        below: Array = weights["embedding"][order]
        for layer, h in enumerate(hidden):
            if any(site.layer == layer for site in wanted):
                values = activations(runtime.config.cell, weights, f"layer{layer}.{direction}.", below, h)
                for site in wanted:
                    if site.layer == layer:
                        read = values[site.activation]
                        in_text_order = read if direction == "forward" else read[::-1]
                        traces[str(site)] = _chosen(in_text_order[rows[direction]], units, site, ranking)
            below = h
    return {str(site): traces[str(site)] for site in sites}


def edited_sites(
    reader: EquationsReader,
    moments: Ids,
    sites: Sequence[Site],
    units: Units,
    rows: Mapping[str, NDArray[np.int64]],
    ranking: Ranking,
) -> dict[str, SiteTrace]:
    """As `trace_sites`, of a text that the equations read with edits."""
    traces = {}
    for direction in dict.fromkeys(site.direction for site in sites):
        read = reader.activations(direction, moments if direction == "forward" else moments[::-1])
        for site in sites:
            if site.direction == direction:
                in_text_order = read[site] if direction == "forward" else read[site][::-1]
                traces[str(site)] = _chosen(in_text_order[rows[direction]], units, site, ranking)
    return {str(site): traces[str(site)] for site in sites}


def activations(
    cell: str, weights: Mapping[str, Array], prefix: str, x: Array, h: Array, state: State | None = None
) -> dict[str, Array]:
    """Every activation (T, H) of one layer from its inputs x (T, I) and its hidden states h (T, H), in reading order.

    `state`: the layer's before the first moment, each part (1, H); default the initial one. The equations are those of
    model/cells.py, for all moments at once.
    """
    if cell in ("mlp", "rnn"):
        return {"hidden_state": h}
    before = np.concatenate([np.zeros_like(h[:1]) if state is None else state[0], h[:-1]])  # h(t-1)
    from_input = x @ weights[prefix + "input_weight"].T + weights[prefix + "input_bias"]
    from_state = before @ weights[prefix + "recurrent_weight"].T + weights[prefix + "recurrent_bias"]
    if cell == "gru":
        x_r, x_z, x_n = np.split(from_input, 3, axis=1)
        h_r, h_z, h_n = np.split(from_state, 3, axis=1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        return {"reset_gate": r, "update_gate": z, "candidate": np.tanh(x_n + r * h_n), "hidden_state": h}
    pre_i, pre_f, pre_g, pre_o = np.split(from_input + from_state, 4, axis=1)
    i, f, g, o = sigmoid(pre_i), sigmoid(pre_f), np.tanh(pre_g), sigmoid(pre_o)
    c = np.zeros_like(h)
    running = np.zeros_like(h[0]) if state is None else state[1][0]
    for time in range(len(h)):
        running = f[time] * running + i[time] * g[time]
        c[time] = running
    return {
        "input_gate": i,
        "forget_gate": f,
        "cell_candidate": g,
        "output_gate": o,
        "cell_state": c,
        "hidden_state": h,
    }


def _chosen(values: Array, units: Units, site: Site, ranking: Ranking) -> SiteTrace:
    """Columns of values (n_tokens, H)."""
    if units == "all":
        chosen = tuple(range(values.shape[1]))
    elif isinstance(units, str) and units.startswith(GENDER):
        chosen = units_at(ranking, site, _n_units(units, values.shape[1]))
    elif isinstance(units, str):
        spread = values.max(axis=0) - values.min(axis=0)
        chosen = tuple(int(unit) for unit in np.argsort(-spread, kind="stable")[: _n_units(units, values.shape[1])])
    else:
        chosen = units
    return SiteTrace(chosen, values[:, list(chosen)])
