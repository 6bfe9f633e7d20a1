"""The cells: what stands at each crossing of a layer and a moment, one time step each.

The structure (model/structure.py) never changes; RNN, LSTM and GRU only change what is below.
These equations are the reference that the trainer's and the server's faces are tested against,
and what traces and interventions are defined on. NumPy, any float type.

Conventions, fixed here for the whole project (PyTorch's; Keras, flax and papers differ):

    cell   state    gates, in the order of the rows of the weights
    mlp    -        hidden_state
    rnn    h        hidden_state
    gru    h        reset_gate r, update_gate z, candidate n
    lstm   (h, c)   input_gate i, forget_gate f, cell_candidate g, output_gate o

With H units, input size I and G rows of gates: input_weight W (G*H, I), input_bias b (G*H,),
recurrent_weight U (G*H, H), recurrent_bias d (G*H,). An activation is (batch, H).

Every activation goes through `observe(name, value)` the moment it is computed and before anything
reads it; what `observe` returns is used in its place. A trace records there, an edit changes there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
State = tuple[Array, ...]
Observe = Callable[[str, Array], Array]


def unchanged(name: str, value: Array) -> Array:
    """The observer that only lets values pass."""
    return value


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow at either end."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


class Cell:
    """One layer's cell: `input_size` values and a state in, a new state out; h is the state's first part."""

    activations: ClassVar[tuple[str, ...]]
    """Names of what `observe` sees, in the order of computing."""
    n_gates: ClassVar[int]
    """Rows of gates in the weights (G)."""
    n_states: ClassVar[int]
    """Parts of the state that pass from one moment to the next."""
    recurrent: ClassVar[bool] = True
    """Whether the cell reads the state at all."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        """`weights`: this layer's tensors by their short names (`input_weight` ...), as in the module's docstring."""
        self.W, self.b = weights["input_weight"], weights["input_bias"]
        if self.recurrent:
            self.U, self.d = weights["recurrent_weight"], weights["recurrent_bias"]
        self.hidden_size = self.W.shape[0] // self.n_gates

    def initial_state(self, batch: int) -> State:
        """Zeros: nothing read yet."""
        return tuple(np.zeros((batch, self.hidden_size), self.W.dtype) for _ in range(self.n_states))

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        """One moment: x (batch, I) and the state before it -> the state after it, each part (batch, H)."""
        raise TypeError(f"{type(self).__name__} defines no step")


class MLPCell(Cell):
    """A hidden layer without memory: where the tutorial starts, and the baseline that shows what memory buys.

    h = tanh(W x + b)
    """

    activations = ("hidden_state",)
    n_gates, n_states, recurrent = 1, 1, False

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        h = observe("hidden_state", np.tanh(x @ self.W.T + self.b))
        return (h,)


class RNNCell(Cell):
    """The plain recurrent cell: the hidden layer's neuron, carrying time (Elman 1990).

    h = tanh(W x + b + U h' + d)
    """

    activations = ("hidden_state",)
    n_gates, n_states = 1, 1

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        (h,) = state
        h = observe("hidden_state", np.tanh(x @ self.W.T + self.b + h @ self.U.T + self.d))
        return (h,)


class GRUCell(Cell):
    """Two gates and no separate cell state (Cho et al. 2014, in the form of cuDNN and PyTorch).

    r = sigmoid(W_r x + b_r + U_r h' + d_r)
    z = sigmoid(W_z x + b_z + U_z h' + d_z)
    n = tanh(W_n x + b_n + r * (U_n h' + d_n))
    h = (1 - z) * n + z * h'

    z = 1 keeps the old state. The tutorial (and some papers) give z the opposite sign: its "r = 1, z = 1
    is a plain RNN" is r = 1, z = 0 here.
    """

    activations = ("reset_gate", "update_gate", "candidate", "hidden_state")
    n_gates, n_states = 3, 1

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        (h,) = state
        x_r, x_z, x_n = np.split(x @ self.W.T + self.b, 3, axis=-1)
        h_r, h_z, h_n = np.split(h @ self.U.T + self.d, 3, axis=-1)
        r = observe("reset_gate", sigmoid(x_r + h_r))
        z = observe("update_gate", sigmoid(x_z + h_z))
        n = observe("candidate", np.tanh(x_n + r * h_n))
        h = observe("hidden_state", (1 - z) * n + z * h)
        return (h,)


class LSTMCell(Cell):
    """Three gates around a cell state that is a sum (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

    i, f, o = sigmoid(W x + b + U h' + d)    g = tanh(W x + b + U h' + d)
    c = f * c' + i * g        keep, then write
    h = o * tanh(c)           what is shown
    """

    activations = ("input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_state", "hidden_state")
    n_gates, n_states = 4, 2

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        h, c = state
        pre_i, pre_f, pre_g, pre_o = np.split(x @ self.W.T + self.b + h @ self.U.T + self.d, 4, axis=-1)
        i = observe("input_gate", sigmoid(pre_i))
        f = observe("forget_gate", sigmoid(pre_f))
        g = observe("cell_candidate", np.tanh(pre_g))
        o = observe("output_gate", sigmoid(pre_o))
        c = observe("cell_state", f * c + i * g)
        h = observe("hidden_state", o * np.tanh(c))
        return (h, c)


CELL_TYPES: dict[str, type[Cell]] = {"mlp": MLPCell, "rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}
