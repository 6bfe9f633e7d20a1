"""Reading with an eye and a hand on every activation, for many edits of the same texts at once, in torch.

The equations are those of model/cells.py. Beside the trainer's fused layers this has what a study of single units
needs: an `observe` that sees and may replace each activation, gradients with respect to all of them, and a start in
the middle: what is below an edited layer is read once. Letters: T moments, B texts, A edits, H units, G rows of gates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.cells import CELL_TYPES, Array
from model.config import NetworkConfig

Ids = tuple[int, ...]
Observe = Callable[[int, int, str, Tensor], Tensor]
"""(layer, time, activation, value (n, A, H)) -> the value used in its place; n texts are not yet at their end."""


@dataclass(frozen=True)
class Batch:
    """Texts of one direction, longest first, so that at each moment those still read are the first n."""

    order: NDArray[np.int64]
    """(B,) which text each row is."""
    ids: Tensor
    """(T, B), in reading order, padded at the end."""
    lengths: NDArray[np.int64]
    """(B,), falling."""

    def n_reading(self, time: int) -> int:
        """How many rows have a token at this moment."""
        return int(np.sum(self.lengths > time))


def batch(rows: Sequence[Ids]) -> Batch:
    """Rows of at least one id each, in reading order."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    ids = np.zeros((int(lengths.max()), len(rows)), dtype=np.int64)
    for number, index in enumerate(order):
        ids[: lengths[index], number] = rows[index]
    return Batch(order, torch.from_numpy(ids), lengths[order])


class Stack:
    """The layers of one direction."""

    def __init__(self, config: NetworkConfig, weights: Mapping[str, Array], direction: str, dtype: torch.dtype) -> None:
        self.cell, self.n_layers, self.hidden_size = config.cell, config.n_layers, config.hidden_size
        cell = CELL_TYPES[config.cell]
        self.n_states = cell.n_states

        def tensor(name: str) -> Tensor:
            return torch.from_numpy(weights[name].copy()).to(dtype)

        self.embedding = tensor("embedding")
        prefixes = [f"layer{layer}.{direction}." for layer in range(config.n_layers)]
        self.input_weights = [tensor(prefix + "input_weight") for prefix in prefixes]
        self.input_biases = [tensor(prefix + "input_bias") for prefix in prefixes]
        if cell.recurrent:
            self.recurrent_weights = [tensor(prefix + "recurrent_weight") for prefix in prefixes]
            self.recurrent_biases = [tensor(prefix + "recurrent_bias") for prefix in prefixes]

    def from_input(self, layer: int, x: Tensor) -> Tensor:
        """W x + b of a layer: (..., I) -> (..., G*H)."""
        return torch.nn.functional.linear(x, self.input_weights[layer], self.input_biases[layer])

    def read(self, texts: Batch, first: Tensor, layer: int, n_edits: int, observe: Observe) -> Tensor:
        """Reads `texts` from a layer upward -> the top hidden state (B, A, H) after each text's last token.

        first: (T, B, G*H), that layer's `from_input`, the same for all A edits.
        """
        n_before = len(texts.order)
        states = [
            tuple(first.new_zeros(n_before, n_edits, self.hidden_size) for _ in range(self.n_states))
            for _ in range(layer, self.n_layers)
        ]
        ended: list[Tensor] = []
        for time in range(len(first)):
            n = texts.n_reading(time)
            if n < n_before:
                ended.append(states[-1][0][n:])
                states = [tuple(part[:n] for part in state) for state in states]
                n_before = n
            pre = first[time, :n, None]  # (n, 1, G*H)
            for number, state in enumerate(states):
                at = layer + number
                states[number] = self._step(at, time, pre, state, observe)
                if at + 1 < self.n_layers:
                    pre = self.from_input(at + 1, states[number][0])  # (n, A, G*H)
        return torch.cat([states[-1][0], *reversed(ended)])

    def _step(
        self, layer: int, time: int, pre: Tensor, state: tuple[Tensor, ...], observe: Observe
    ) -> tuple[Tensor, ...]:
        """One moment of one layer, as in model/cells.py. pre: (n, A or 1, G*H), the input's part."""

        def seen(activation: str, value: Tensor) -> Tensor:
            return observe(layer, time, activation, value)

        h = state[0]
        if self.cell == "mlp":
            return (seen("hidden_state", torch.tanh(pre).expand(-1, h.shape[1], -1).clone()),)
        recurrent = torch.nn.functional.linear(h, self.recurrent_weights[layer], self.recurrent_biases[layer])
        if self.cell == "rnn":
            return (seen("hidden_state", torch.tanh(pre + recurrent)),)
        if self.cell == "gru":
            (x_r, x_z, x_n), (h_r, h_z, h_n) = pre.chunk(3, -1), recurrent.chunk(3, -1)
            r = seen("reset_gate", torch.sigmoid(x_r + h_r))
            z = seen("update_gate", torch.sigmoid(x_z + h_z))
            n = seen("candidate", torch.tanh(x_n + r * h_n))
            return (seen("hidden_state", (1 - z) * n + z * h),)
        pre_i, pre_f, pre_g, pre_o = (pre + recurrent).chunk(4, -1)
        i = seen("input_gate", torch.sigmoid(pre_i))
        f = seen("forget_gate", torch.sigmoid(pre_f))
        g = seen("cell_candidate", torch.tanh(pre_g))
        o = seen("output_gate", torch.sigmoid(pre_o))
        c = seen("cell_state", f * state[1] + i * g)
        return seen("hidden_state", o * torch.tanh(c)), c


def unchanged(layer: int, time: int, activation: str, value: Tensor) -> Tensor:
    """The observer that only lets values pass."""
    return value


def watched(stack: Stack, texts: Batch, activations: Sequence[str]) -> dict[tuple[int, str], Tensor]:
    """What every layer showed: (layer, activation) -> (T, B, H), 0 beyond each text's end; no gradients."""
    n_steps, n_texts = texts.ids.shape
    kept = {
        (layer, activation): stack.embedding.new_zeros(n_steps, n_texts, stack.hidden_size)
        for layer in range(stack.n_layers)
        for activation in activations
    }

    def keep(layer: int, time: int, activation: str, value: Tensor) -> Tensor:
        if (layer, activation) in kept:
            kept[layer, activation][time, : len(value)] = value[:, 0]
        return value

    with torch.no_grad():
        stack.read(texts, stack.from_input(0, stack.embedding[texts.ids]), 0, 1, keep)
    return kept
