"""The overall structure, which never changes: time runs across, layers are stacked, in one or both directions.

        y(1)      y(2)      y(3)            probabilities
         |         |         |
       [cell] -> [cell] -> [cell] ->        layer 1
         |         |         |
       [cell] -> [cell] -> [cell] ->        layer 0
         |         |         |
        x(1)      x(2)      x(3)            pieces, as vectors
        ------------- time ---------->

What the cell is (model/cells.py: MLP, RNN, GRU, LSTM) is none of this file's business: it asks a cell for
its initial state and for one step. A backward stack is the same picture read from the text's end; the two
stacks do not see each other, so what each knows of a place is what it has read up to there and no more.

This is the equations' face of a network: NumPy, slow, exact; the others are tested against it.
Letters: B texts, T moments, L layers, H units, E embedding, V pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.cells import CELL_TYPES, Array, Observe, State, unchanged
from model.config import NetworkConfig

Ids = NDArray[np.integer]
ObserveAt = Callable[[int, int, str, Array], Array]


class AnyCell(Protocol):
    """All that the structure asks of a cell."""

    def initial_state(self, batch: int) -> State: ...

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State: ...


class Stack:
    """Layers of cells, read along time in one direction."""

    def __init__(self, cells: Sequence[AnyCell]) -> None:
        self.cells = list(cells)

    def initial_state(self, batch: int) -> list[State]:
        """One state a layer: nothing read yet."""
        return [cell.initial_state(batch) for cell in self.cells]

    def read(
        self,
        inputs: Array,
        lengths: Sequence[int] | None = None,
        state: list[State] | None = None,
        observe: ObserveAt | None = None,
    ) -> tuple[Array, list[State]]:
        """Reads inputs (B, T, I) -> hidden states of every layer (L, B, T, H), and the state after each row's end.

        Moments at or beyond a row's length change nothing in its state. `observe(layer, time, activation, value)`
        sees, and may replace, every activation (B, H) the moment it is computed.
        """
        batch, n_steps = inputs.shape[:2]
        ends = np.full(batch, n_steps) if lengths is None else np.asarray(lengths)
        state = self.initial_state(batch) if state is None else list(state)
        hidden: list[list[Array]] = [[] for _ in self.cells]
        for time in range(n_steps):
            x = inputs[:, time]  # (B, I)
            still_reading = (time < ends)[:, None]  # (B, 1)
            for layer, cell in enumerate(self.cells):
                after = cell.step(x, state[layer], _at(observe, layer, time))
                x = after[0]  # upward: this layer's hidden state
                hidden[layer].append(x)
                state[layer] = tuple(  # onward: the state, unless the row has ended
                    np.where(still_reading, new, old) for new, old in zip(after, state[layer], strict=True)
                )
        return np.stack([np.stack(layer, axis=1) for layer in hidden]), state


def _at(observe: ObserveAt | None, layer: int, time: int) -> Observe:
    if observe is None:
        return unchanged
    return lambda name, value: observe(layer, time, name, value)


class RecurrentNetwork:
    """A whole network in equations: embedding, one stack a direction, tied readout.

    weights: tensors by the names of `weight_shapes`, any float type (float64 in tests).
    """

    def __init__(self, config: NetworkConfig, weights: Mapping[str, Array]) -> None:
        self.config = config
        self.weights = weights
        cell = CELL_TYPES[config.cell]
        self.stacks = {
            direction: Stack(
                [cell(_of_layer(weights, f"layer{layer}.{direction}.")) for layer in range(config.n_layers)]
            )
            for direction in config.directions
        }

    def read(
        self,
        direction: str,
        ids: Ids,
        lengths: Sequence[int] | None = None,
        state: list[State] | None = None,
        observe: ObserveAt | None = None,
    ) -> tuple[Array, list[State]]:
        """Reads ids (B, T), in the order the direction reads them -> (L, B, T, H) and the final state."""
        return self.stacks[direction].read(self.weights["embedding"][ids], lengths, state, observe)

    def readout(self, forward: Array, backward: Array | None = None) -> Array:
        """Top hidden states before (and after) a place, each (N, H) -> log-probabilities of the piece there, (N, V).

        r = projection_bias + P_f h_f [+ P_b h_b];  logits = embedding r + bias: the output is tied to the input.
        """
        w = self.weights
        r = w["output.projection_bias"] + forward @ w["output.forward.weight"].T  # (N, E)
        if backward is not None:
            r = r + backward @ w["output.backward.weight"].T
        logits = r @ w["embedding"].T + w["output.bias"]  # (N, V)
        highest = logits.max(axis=-1, keepdims=True)
        return np.asarray(logits - highest - np.log(np.exp(logits - highest).sum(axis=-1, keepdims=True)))


def _of_layer(weights: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def weight_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor of a network, in the order in which a bundle stores them."""
    cell = CELL_TYPES[config.cell]
    embedding, hidden, rows = config.embedding_size, config.hidden_size, cell.n_gates * config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding": (config.vocabulary_size, embedding)}
    for layer in range(config.n_layers):
        for direction in config.directions:
            prefix = f"layer{layer}.{direction}."
            shapes[prefix + "input_weight"] = (rows, config.input_size(layer))
            shapes[prefix + "input_bias"] = (rows,)
            if cell.recurrent:
                shapes[prefix + "recurrent_weight"] = (rows, hidden)
                shapes[prefix + "recurrent_bias"] = (rows,)
    for direction in config.directions:
        shapes[f"output.{direction}.weight"] = (embedding, hidden)
    shapes["output.projection_bias"] = (embedding,)
    shapes["output.bias"] = (config.vocabulary_size,)
    return shapes


def n_weights(config: NetworkConfig) -> int:
    """How many numbers the network learns."""
    return sum(int(np.prod(shape)) for shape in weight_shapes(config).values())
