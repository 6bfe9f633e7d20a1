"""Reads with the equations, and with edits: the reader behind interventions and evidence.

It has the interface of the server's face (runtime.py) and computes with the reference (structure.py), float32. Rows are
moments (moments.py), read as one tree: what several rows begin with is read once, step by step, all rows side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.cells import CELL_TYPES, Array, State
from model.config import NetworkConfig
from model.errors import AbandonedError
from model.interventions import LARGEST, STATES, Edit
from model.moments import parts
from model.rows import Ids
from model.sites import Site
from model.structure import RecurrentNetwork

STEP_ROWS = 1024
"""Rows of one step that are computed together."""
WITHOUT = {"write": ("input_gate", 0.0), "erase": ("forget_gate", 1.0)}
"""What keeps an LSTM from writing a token into its cell state, or from letting go of what was there."""

Values = dict[tuple[int, str], Array]
"""(B, H) by layer and activation."""


@dataclass(frozen=True)
class Carried:
    """What passes from one step to the next, for B rows."""

    state: list[State]
    frozen: Values
    """The values of the step before at sites that an edit freezes; NaN where there was no such step."""

    def taken(self, rows: Sequence[int] | NDArray[np.int64]) -> Carried:
        """The same of some rows, in their order."""
        return Carried(
            [tuple(part[rows] for part in layer) for layer in self.state],
            {site: values[rows] for site, values in self.frozen.items()},
        )


def always() -> bool:
    """Of answers that somebody waits for until they come."""
    return True


class EquationsReader:
    """A network that reads moments, edited.

    `without`: what becomes of a moment that is not to be taken in: `hold`, the state passes it unchanged (an mlp's
    output is 0 there); `write` and `erase`, for an LSTM, one gate is closed or open. `is_wanted` is asked before each
    step, of which a long text takes thousands; where it says no, reading raises AbandonedError.
    """

    def __init__(
        self,
        network: RecurrentNetwork,
        edits: Sequence[Edit] = (),
        without: str = "hold",
        is_wanted: Callable[[], bool] = always,
    ) -> None:
        self.network, self._is_wanted = network, is_wanted
        self._edits: dict[str, dict[tuple[int, str], list[Edit]]] = {name: {} for name in network.config.directions}
        for edit in edits:
            at = (edit.site.layer, edit.site.activation)
            self._edits[edit.site.direction].setdefault(at, []).append(edit)
        self._holds = without == "hold"
        self._gate = WITHOUT.get(without)
        if self._holds and not CELL_TYPES[network.config.cell].recurrent:
            self._holds, self._gate = False, ("hidden_state", 0.0)

    @property
    def config(self) -> NetworkConfig:
        """Structure, cell and sizes of the network."""
        return self.network.config

    def states(self, direction: str, reads: Sequence[tuple[Ids | None, int]]) -> Array:
        """(n, H) top hidden states after the first k moments of each row, for n pairs (row, k); zeros for none."""
        top = np.zeros((len(reads), self.config.hidden_size), dtype=np.float32)
        tree = _Tree(reads)
        carried = self._nothing_read(direction)
        for moments, parents, asked in tree.levels:
            after = [
                self._step(
                    direction, moments[start : start + STEP_ROWS], carried.taken(parents[start : start + STEP_ROWS])
                )
                for start in range(0, len(moments), STEP_ROWS)
            ]
            carried = after[0] if len(after) == 1 else _joined(after)
            for row, indices in asked.items():
                top[indices] = carried.state[-1][0][row]
        return top

    def log_probabilities(self, forward: Array, backward: Array | None = None) -> Array:
        """Top hidden states before (and after) N places, each (N, H) -> log-probabilities (N, V)."""
        return self.network.readout(forward, backward)

    def activations(self, direction: str, moments: Ids) -> dict[Site, Array]:
        """Every activation (T, H) of one direction, edited, in its own order of reading."""
        seen: dict[Site, list[Array]] = {}

        def see(layer: int, activation: str, value: Array) -> None:
            seen.setdefault(Site(layer, direction, activation), []).append(value[0])

        carried = self._nothing_read(direction)
        for moment in moments:
            carried = self._step(direction, np.array([moment], dtype=np.int64), carried, see)
        return {site: np.stack(values) for site, values in seen.items()}

    def _nothing_read(self, direction: str) -> Carried:
        """One row's beginning."""
        frozen = {
            at: np.full((1, self.config.hidden_size), 0 if at[1] in STATES else np.nan, dtype=np.float32)
            for at, edits in self._edits[direction].items()
            if any(edit.freezes for edit in edits)
        }
        return Carried(self.network.stacks[direction].initial_state(1), frozen)

    def _step(
        self,
        direction: str,
        moments: NDArray[np.int64],
        before: Carried,
        see: Callable[[int, str, Array], None] | None = None,
    ) -> Carried:
        """One moment of B rows; `see` is told every activation as it is used."""
        if not self._is_wanted():
            raise AbandonedError("nobody waits for this reading any more")
        pieces, tokens, left_out = parts(moments)
        held = left_out & self._holds  # (B,)
        edits = self._edits[direction]
        frozen: Values = {}

        def observe(layer: int, time: int, activation: str, value: Array) -> Array:
            at = (layer, activation)
            for edit in edits.get(at, ()):
                value = edit.applied(value, tokens, before.frozen.get(at))
            if edits and activation in STATES:  # edited gates can make a state grow at every step
                value = np.clip(value, -LARGEST, LARGEST)
            if self._gate is not None and activation == self._gate[0] and left_out.any():
                value = np.where(left_out[:, None], value.dtype.type(self._gate[1]), value)
            if at in before.frozen:
                frozen[at] = np.where(held[:, None], before.frozen[at], value)
            if see is not None:
                see(layer, activation, value)
            return value

        inputs = self.network.weights["embedding"][pieces][:, None]  # (B, 1, E)
        n_read = np.where(held, 0, 1)  # of this one moment: a row that has ended passes its state on unchanged
        stack = self.network.stacks[direction]
        _, state = stack.read(inputs, n_read.tolist(), before.state, observe)
        return Carried(state, frozen)


class _Tree:
    """Rows that share what they begin with, level by level: moments, their parents' places, and who asks there."""

    def __init__(self, reads: Sequence[tuple[Ids | None, int]]) -> None:
        deepest: dict[Ids, int] = {}
        for row, n_read in reads:
            if row is not None:
                deepest[row] = max(n_read, deepest.get(row, 0))
        self.levels: list[tuple[NDArray[np.int64], NDArray[np.int64], dict[int, list[int]]]] = []
        places: list[dict[tuple[int, int], int]] = []  # by level: (the parent's place, moment) -> place
        paths: dict[Ids, list[int]] = {}
        for row, depth in deepest.items():
            path, parent = [], 0
            for level in range(depth):
                if level == len(places):
                    places.append({})
                parent = places[level].setdefault((parent, row[level]), len(places[level]))
                path.append(parent)
            paths[row] = path
        asked: list[dict[int, list[int]]] = [{} for _ in places]
        for index, (row, n_read) in enumerate(reads):
            if row is not None and n_read > 0:
                asked[n_read - 1].setdefault(paths[row][n_read - 1], []).append(index)
        for nodes, questions in zip(places, asked, strict=True):
            parents, moments = np.array(list(nodes), dtype=np.int64).T
            self.levels.append((moments, parents, questions))


def _joined(parts_of_rows: Sequence[Carried]) -> Carried:
    """Consecutive rows as one."""
    first = parts_of_rows[0]
    state = [
        tuple(
            np.concatenate([one.state[layer][part] for one in parts_of_rows]) for part in range(len(first.state[layer]))
        )
        for layer in range(len(first.state))
    ]
    frozen = {site: np.concatenate([one.frozen[site] for one in parts_of_rows]) for site in first.frozen}
    return Carried(state, frozen)
