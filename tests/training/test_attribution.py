"""Integrated gradients: they add up, and where the choice is linear they are what each vector does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.cells import CELL_TYPES
from model.network import Network
from tests.tiny import tiny_config, tiny_tokenizer, tiny_weights
from training.attribution import integrated_gradients

LEFT, RIGHT, PIECES = [2, 10, 20, 30], [9, 8, 3], (7, 11)


def network_of(cell: str, direction: str = "bidirectional", scale: float = 0.5) -> Network:
    config = tiny_config(cell, direction)
    network = Network(config)
    network.load_weights({name: scale * w for name, w in tiny_weights(config).items()})
    return network


def log_odds(network: Network, left: torch.Tensor, right: torch.Tensor | None) -> float:
    forward = network.read_vectors("forward", left[:, None])[0][-1][-1]
    backward = None if right is None else network.read_vectors("backward", right.flip(0)[:, None])[0][-1][-1]
    row = network.log_probabilities(network.readout(forward, backward))[0]
    return float(row[PIECES[0]] - row[PIECES[1]])


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_they_add_up_to_the_log_odds_with_the_text_minus_those_without(cell: str, direction: str) -> None:
    network = network_of(cell, direction)
    right = RIGHT if direction == "bidirectional" else None
    found = integrated_gradients(network, LEFT, right, PIECES, n_steps=256)
    with torch.no_grad():
        vectors = network.embedding.weight[LEFT]
        after = None if right is None else network.embedding.weight[right]
        whole = log_odds(network, vectors, after)
        nothing = log_odds(network, 0 * vectors, None if after is None else 0 * after)
    assert found.difference == pytest.approx(whole - nothing, abs=1e-5)
    assert found.left.sum() + found.right.sum() == pytest.approx(whole - nothing, abs=0.002)  # of the middle rule
    assert (len(found.left), len(found.right)) == (4, 3 if right else 0)


def test_gradient_times_input_is_what_a_small_change_of_a_vector_does() -> None:
    network = network_of("lstm")
    found = integrated_gradients(network, LEFT, RIGHT, PIECES)
    step = 1e-2
    with torch.no_grad():
        left, right = network.embedding.weight[LEFT].double(), network.embedding.weight[RIGHT].double()
        network = network.double()
        for side, order, changes in (("left", left, found.first_order[0]), ("right", right, found.first_order[1])):
            for place in range(len(order)):
                more, less = order.clone(), order.clone()
                more[place] *= 1 + step
                less[place] *= 1 - step
                pairs = [(one, right) if side == "left" else (left, one) for one in (more, less)]
                up, down = (log_odds(network, *pair) for pair in pairs)
                assert changes[place] == pytest.approx((up - down) / (2 * step), abs=1e-4)


def test_a_memoryless_network_owes_everything_to_the_vectors_beside_the_blank() -> None:
    found = integrated_gradients(network_of("mlp"), LEFT, RIGHT, PIECES)
    assert not found.left[:-1].any()
    assert not found.right[1:].any()
    assert found.left[-1] != 0 != found.right[0]


def test_where_nothing_bends_one_step_is_all() -> None:
    """With weights so small that tanh is a straight line, both ways of asking agree."""
    network = network_of("rnn", scale=0.05)
    found = integrated_gradients(network, LEFT, RIGHT, PIECES)
    np.testing.assert_allclose(found.left, found.first_order[0], rtol=0, atol=1e-5)
    assert np.abs(found.left).max() > 1e-5 or tiny_tokenizer().vocabulary_size > 0
