"""`anaphora experiment identity`: a GRU with r = 1 and all new (z = 0) is a plain RNN, number for number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.cells import Array, GRUCell, RNNCell
from model.config import NetworkConfig
from model.network import Network
from model.structure import Stack
from training.evaluation.tables import Table
from training.experiments.outcome import Outcome, Settings
from training.pictures import COLOURS, Line, Panel

CLAIM = "A GRU whose gates stand at r = 1 and all new is a plain RNN."
METHOD = (
    "One layer of random weights reads random vectors, in the equations' face with float64, the two gates held by "
    "hand, and in torch's fused layers with float32, the gates' weights 0 and their biases at +1000 and -1000, which a "
    "sigmoid rounds to 1 and 0. The GRU's candidate has the plain RNN's weights. In this project's convention "
    "(PyTorch's) z = 1 keeps the old state, so that all new is z = 0; the tutorial and some papers write 1 - z for it, "
    "and their identity is r = 1, z = 1. The picture moves z from 0 to 1: at 1 nothing is ever written."
)
TAKES: frozenset[str] = frozenset()
N_UNITS, N_INPUTS, N_ROWS, N_STEPS = 32, 16, 8, 50
SHUT = 1000.0
"""A bias so large that float32's sigmoid gives exactly 1, or exactly 0 below zero."""
UPDATES = tuple(round(0.05 * number, 2) for number in range(21))


def run(settings: Settings) -> Outcome:
    """The largest differences of any seed: hidden states in both faces, gradients in torch's."""
    n_steps = 10 if settings.quick else N_STEPS
    equations = [largest_difference(seed, n_steps, reset=1.0, update=0.0) for seed in settings.seeds]
    fused = [fused_differences(seed, n_steps) for seed in settings.seeds]
    found = {
        "equations, float64: hidden states": max(equations),
        "torch, float32: hidden states": max(states for states, _ in fused),
        "torch, float32: gradients of the weights": max(gradients for _, gradients in fused),
    }
    by_update = [max(largest_difference(seed, n_steps, 1.0, z) for seed in settings.seeds) for z in UPDATES]
    half_reset = max(largest_difference(seed, n_steps, 0.5, 0.0) for seed in settings.seeds)
    rows = [(name, f"{value:.3g}") for name, value in found.items()]
    rows.append(("for comparison, r = 0.5: equations, hidden states", f"{half_reset:.3g}"))
    title = "Largest difference between a GRU with r = 1, z = 0 and a plain RNN"
    table = Table(title, ("what", "largest difference"), tuple(rows))
    panel = Panel(
        "Distance of a GRU with r = 1 from a plain RNN",
        "largest difference of h",
        [Line("GRU", list(UPDATES), by_update, COLOURS[1], measured=True)],
        across="update gate z (0: all new, 1: all old)",
    )
    largest = max(found.values())
    sentence = (
        f"The identity {'holds' if largest < 1e-5 else 'does not hold'}: the largest difference of all is {largest:.3g}"
        f" over {settings.n_seeds} seeds, {n_steps} steps, {N_UNITS} units."
    )
    results = {
        "n_steps": n_steps,
        "largest_differences": found,
        "largest_difference_at_half_reset": half_reset,
        "largest_difference_by_update_gate": dict(zip(map(str, UPDATES), by_update, strict=True)),
    }
    return Outcome(results, [table], [panel], [sentence])


def largest_difference(seed: int, n_steps: int, reset: float, update: float) -> float:
    """Of the hidden states of a GRU with its gates held at these values and of a plain RNN, in the equations' face."""
    inputs, rnn = _inputs(seed, n_steps), _rnn_weights(seed)
    gates = np.random.default_rng([seed, 2])
    gru = {name: np.concatenate([gates.standard_normal((2 * N_UNITS, *w.shape[1:])), w]) for name, w in rnn.items()}
    held = {"reset_gate": reset, "update_gate": update}

    def hold(layer: int, time: int, name: str, value: Array) -> Array:
        return np.full_like(value, held[name]) if name in held else value

    of_gru, _ = Stack([GRUCell(gru)]).read(inputs, observe=hold)
    of_rnn, _ = Stack([RNNCell(rnn)]).read(inputs)
    return float(np.abs(of_gru - of_rnn).max())


def fused_differences(seed: int, n_steps: int) -> tuple[float, float]:
    """Of the hidden states, and of the gradients of their sum, of torch's fused layers, float32."""
    inputs = torch.from_numpy(_inputs(seed, n_steps)).float().transpose(0, 1)  # (T, B, I)
    rnn = _rnn_weights(seed)
    shut = {name: np.zeros((2 * N_UNITS, *w.shape[1:])) for name, w in rnn.items()}
    shut["input_bias"][:N_UNITS], shut["input_bias"][N_UNITS:] = SHUT, -SHUT  # r, then z
    gru = {name: np.concatenate([shut[name], w]) for name, w in rnn.items()}
    read = {cell: _read(cell, weights, inputs) for cell, weights in (("rnn", rnn), ("gru", gru))}
    states = float((read["gru"][0] - read["rnn"][0]).abs().max())
    gradients = [(read["gru"][1][name][2 * N_UNITS :] - g).abs().max() for name, g in read["rnn"][1].items()]
    return states, float(max(gradients))


def _read(cell: str, weights: Mapping[str, Array], inputs: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
    """Hidden states (T, B, H), and the gradients of their mean square by the weights' names."""
    network = Network(NetworkConfig(1, "causal", N_UNITS, N_INPUTS, 5, cell))
    named = {name: network.named_weights()[f"layer0.forward.{name}"] for name in weights}
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(torch.from_numpy(weights[name]))
    layer = next(module for module in network.stacks.modules() if isinstance(module, torch.nn.RNNBase))
    hidden, _ = layer(inputs)
    (hidden**2).mean().backward()
    return hidden.detach(), {name: parameter.grad for name, parameter in named.items()}


def _inputs(seed: int, n_steps: int) -> NDArray[np.float64]:
    """(B, T, I)"""
    return np.random.default_rng([seed, 0]).standard_normal((N_ROWS, n_steps, N_INPUTS))


def _rnn_weights(seed: int) -> dict[str, NDArray[np.float64]]:
    random = np.random.default_rng([seed, 1])
    return {
        "input_weight": random.standard_normal((N_UNITS, N_INPUTS)) / N_INPUTS**0.5,
        "input_bias": 0.1 * random.standard_normal(N_UNITS),
        "recurrent_weight": random.standard_normal((N_UNITS, N_UNITS)) / N_UNITS**0.5,
        "recurrent_bias": 0.1 * random.standard_normal(N_UNITS),
    }
