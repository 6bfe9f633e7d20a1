"""Gradient norms: closed forms of one-unit networks, and differences of the equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.cells import CELL_TYPES
from model.network import Network
from training.experiments.gradients import gradient_norms, relative_powers
from training.experiments.learner import new_network, reference_config
from training.experiments.sizes import matched
from training.experiments.small_stories import FORMS, memory_questions, vocabulary


def network_of(cell: str, hidden: int, seed: int = 1) -> Network:
    """A new network, float32 weights; every tensor random, so that nothing is zero by chance."""
    config = matched(reference_config(), [cell])[cell]
    network = new_network(type(config)(**(config.to_json() | {"hidden_size": hidden})), "project", seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.8, 0.8)
    return network


def test_a_plain_unit_passes_back_its_weight_times_its_slope_at_every_step() -> None:
    network, questions = network_of("rnn", 1), memory_questions("x", 6, 7)
    norms = gradient_norms(network, questions)[0]  # (B, K)
    weights = {name: value.astype(np.float64) for name, value in network.weights().items()}
    layer = {name: weights[f"layer0.forward.{name}"] for name in ("input_weight", "input_bias", "recurrent_bias")}
    u = weights["layer0.forward.recurrent_weight"].item()
    for row, n in enumerate(questions.lengths):
        h, states = 0.0, []
        for word in questions.ids[row, :n]:
            x = weights["embedding"][word] @ layer["input_weight"][0]
            h = np.tanh(x + layer["input_bias"][0] + u * h + layer["recurrent_bias"][0])
            states.append(h)
        for k in range(norms.shape[1]):
            # d h(end) / d h(end - k): u (1 - h^2) of each of the k steps between
            factor = np.prod([abs(u) * (1 - state**2) for state in states[n - k : n]])
            assert norms[row, k] == pytest.approx(norms[row, 0] * factor, rel=1e-9)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_norms_are_those_of_differences_of_the_equations(cell: str) -> None:
    network, questions = network_of(cell, 3), memory_questions("x", 1, 4)
    norms = gradient_norms(network, questions)[:, 0]  # (states, K)
    weights = {name: value.astype(np.float64) for name, value in network.weights().items()}
    prefix = "layer0.forward."
    layer = CELL_TYPES[cell]({n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)})
    inputs = weights["embedding"][questions.ids[0]]

    def loss(place: int, moved: np.ndarray, c: bool) -> float:
        """With h, or c and what h shows of it, moved at one place."""
        state = layer.initial_state(1)
        for time, x in enumerate(inputs):
            state = layer.step(x[None], state)
            if time == place and c:
                state = (state[0] / np.tanh(state[1]) * np.tanh(state[1] + moved), state[1] + moved)
            elif time == place:
                state = (state[0] + moved, *state[1:])
        read = weights["output.projection_bias"] + state[0][0] @ weights["output.forward.weight"].T
        logits = weights["embedding"] @ read + weights["output.bias"]
        right, wrong = (logits[vocabulary()[FORMS[a]]] for a in (questions.answers[0], 1 - questions.answers[0]))
        return float(np.log1p(np.exp(wrong - right)))

    small = 1e-6
    for number in range(len(norms)):
        for k in range(norms.shape[1]):
            place = len(inputs) - 1 - k
            slopes = [
                (loss(place, small * unit, number == 1) - loss(place, -small * unit, number == 1)) / (2 * small)
                for unit in np.eye(3)
            ]
            # central differences of step 1e-6 in float64 are good to about 1e-9
            assert norms[number, k] == pytest.approx(np.linalg.norm(slopes), rel=1e-5, abs=1e-9)


def test_relative_powers_begin_at_zero_and_tell_a_known_decay() -> None:
    network = network_of("rnn", 1)
    with torch.no_grad():
        for parameter in network.stacks.parameters():
            parameter.zero_()
        network.stacks[0][0].weight_hh_l0.fill_(0.1)  # h stays 0, where tanh has slope 1: a tenth at every step
    powers = relative_powers(network, memory_questions("x", 3, 5))
    assert powers[0, :5] == pytest.approx([0, -1, -2, -3, -4], abs=1e-6)  # 0.1 is a float32


def test_rows_of_unequal_length_are_counted_from_their_own_ends() -> None:
    network, questions = network_of("gru", 3), memory_questions("x", 5, (2, 9))
    together = gradient_norms(network, questions)
    for row in range(5):
        alone = gradient_norms(network, questions.chosen(np.array([row])))
        assert together[:, row] == pytest.approx(alone[:, 0, : together.shape[2]], rel=1e-9)
