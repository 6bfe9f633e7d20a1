"""The schedule at steps worked out by hand, what is decayed, one AdamW step, and clipping."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from model.config import CELLS
from model.network import Network
from tests.tiny import tiny_config
from training.optimisation import clip_gradients, learning_rate_factor, make_optimiser


@pytest.mark.parametrize(
    ("step", "warmup_steps", "progress", "factor"),
    [
        (0, 4, 0.0, 0.25),  # linear warm-up, the first step already above zero
        (1, 4, 0.0, 0.5),
        (3, 4, 0.0, 1.0),
        (100, 4, 0.0, 1.0),
        (100, 4, 0.5, 0.51),  # half a cosine: halfway between 1 and 0.02
        (100, 4, 1 / 3, 0.02 + 0.98 * 0.75),  # cos(60 degrees) = 1/2
        (100, 4, 1.0, 0.02),
        (100, 4, 1.5, 0.02),  # past the end
        (0, 4, 0.5, 0.25 * 0.51),  # both at once
        (0, 0, 0.0, 1.0),  # no warm-up
    ],
)
def test_the_rate_rises_over_the_warm_up_and_falls_with_progress(
    step: int, warmup_steps: int, progress: float, factor: float
) -> None:
    assert learning_rate_factor(step, warmup_steps, progress) == pytest.approx(factor, rel=1e-12)


def test_the_rate_ends_where_it_is_told() -> None:
    assert learning_rate_factor(10, 0, 1.0, final=0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("cell", CELLS)
def test_matrices_are_decayed_and_vectors_are_not(cell: str) -> None:
    network = Network(tiny_config(cell))
    optimiser = make_optimiser(network, 0.1, 0.5)
    decayed, spared = optimiser.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.5, 0.0)
    named = network.named_weights()
    assert {id(p) for p in decayed["params"]} == {id(p) for n, p in named.items() if "bias" not in n}
    assert {id(p) for p in spared["params"]} == {id(p) for n, p in named.items() if "bias" in n}


def test_without_a_gradient_a_matrix_shrinks_by_rate_times_decay_and_a_bias_stays() -> None:
    layer = nn.Linear(2, 2)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimiser(layer, learning_rate=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(layer.weight.detach(), 0.95 * weight)
    torch.testing.assert_close(layer.bias.detach(), bias)


def test_the_first_steps_of_adamw_worked_out_by_hand() -> None:
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    optimiser = make_optimiser(layer, learning_rate=0.1, weight_decay=0.0)
    weight, average, square = 1.0, 0.0, 0.0
    for number, gradient in enumerate((2.0, -1.0, 0.5), 1):
        for parameter in layer.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimiser.step()
        average = 0.9 * average + 0.1 * gradient
        square = 0.98 * square + 0.02 * gradient**2
        weight -= 0.1 * (average / (1 - 0.9**number)) / (np.sqrt(square / (1 - 0.98**number)) + 1e-8)
        assert layer.weight.item() == pytest.approx(weight, rel=1e-5)  # float32


def test_gradients_are_scaled_together_to_the_largest_norm() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(2))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([0.0, 4.0])
    assert clip_gradients([first, second], 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(first.grad, torch.tensor([0.6]))
    torch.testing.assert_close(second.grad, torch.tensor([0.0, 0.8]))
    assert clip_gradients([first, second], 2.0) == pytest.approx(1.0)  # small enough: left alone
    torch.testing.assert_close(first.grad, torch.tensor([0.6]))
