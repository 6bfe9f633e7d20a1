"""Small networks trained on small stories: a loop of a few lines around the trainer's network and optimiser.

The loss is the trainer's contrast at a pronoun: the two-way choice between he and she, from what was read before. Knows
networks and questions; knows neither claims nor figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import NetworkConfig
from model.network import Network
from training.errors import DivergedError
from training.evaluation.metrics import log_loss, softmax_pair
from training.experiments.rates import Tuned, tuned
from training.experiments.small_stories import FORMS, Questions, vocabulary
from training.optimisation import clip_gradients, learning_rate_factor, make_optimiser

EMBEDDING_SIZE, HIDDEN_SIZE = 16, 32
"""Of the LSTM; the other cells have as many weights (sizes.py)."""

PROJECT, TORCH = "project", "torch"
"""Whose initial weights: the project's (model/network.py), which depend on the cell, or torch's own, which are uniform
within 1 / sqrt(units) whatever they are for."""


@dataclass(frozen=True)
class Recipe:
    """How long and in which batches; the same for every cell."""

    steps: int = 300
    rows: int = 32
    """Of a step: stories, or windows of text."""
    warmup_steps: int = 20
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    rates: tuple[float, ...] = (0.001, 0.003, 0.01)
    """Learning rates that are tried, cell by cell, on what no figure comes from."""
    initial: str = PROJECT
    """Initial weights: PROJECT's (model/network.py) or TORCH's."""


def reference_config(hidden_size: int = HIDDEN_SIZE) -> NetworkConfig:
    """The LSTM whose number of weights the other cells get; small enough for seconds."""
    return NetworkConfig(1, "causal", hidden_size, EMBEDDING_SIZE, len(vocabulary()) + 1, "lstm")


def learn(config: NetworkConfig, questions: Questions, recipe: Recipe, learning_rate: float, seed: int) -> Network:
    """A new network after `recipe.steps` batches drawn from the questions. The seed gives weights and batches.

    Raises DivergedError.
    """
    network, random = new_network(config, recipe.initial, seed), np.random.default_rng([seed, 1])
    optimiser = make_optimiser(network, learning_rate, recipe.weight_decay)
    for step in range(recipe.steps):
        batch = questions.chosen(random.integers(len(questions), size=recipe.rows))
        loss = torch.nn.functional.softplus(-margins(network, batch)).mean()
        descend(network, optimiser, loss, recipe, learning_rate, step)
    return network


def descend(
    network: Network, optimiser: torch.optim.Optimizer, loss: Tensor, recipe: Recipe, learning_rate: float, step: int
) -> None:
    """Step `step` (from 0) of a recipe, down the loss's gradient; `learning_rate`: the schedule's peak.

    Raises DivergedError, the weights as they were, when the gradient is not finite.
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * learning_rate_factor(step, recipe.warmup_steps, step / recipe.steps)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if not math.isfinite(clip_gradients(network.parameters(), recipe.gradient_clip)):
        cell = network.config.cell
        raise DivergedError(f"a {cell} at the rate {learning_rate:g} has no finite gradient, step {step}.")
    optimiser.step()


def new_network(config: NetworkConfig, initial: str, seed: int) -> Network:
    """A network that has learnt nothing. `initial`: PROJECT or TORCH."""
    torch.manual_seed(seed)
    network = Network(config)
    if initial == TORCH:
        for layer in network.stacks.modules():
            if isinstance(layer, torch.nn.RNNBase):
                layer.reset_parameters()
    return network


def margins(network: Network, questions: Questions) -> Tensor:
    """(B,) log P(right form) - log P(wrong form), nats."""
    hidden, _ = network.read("forward", torch.from_numpy(questions.ids.T.copy()))
    last = hidden[-1][torch.from_numpy(questions.lengths - 1), torch.arange(len(questions))]  # (B, H)
    return right_minus_wrong(network, last, questions.answers)


def right_minus_wrong(network: Network, last: Tensor, answers: NDArray[np.int64]) -> Tensor:
    """(B, H) the hidden states before the blank -> (B,) log P(right form) - log P(wrong form), nats."""
    stated = network.log_probabilities(network.readout(last))[:, [vocabulary()[form] for form in FORMS]]  # (B, 2)
    right = torch.from_numpy(answers)[:, None]
    return (stated.gather(1, right) - stated.gather(1, 1 - right)).squeeze(1)


@torch.no_grad()
def answered(network: Network, questions: Questions) -> NDArray[np.float64]:
    """(B,) the margins as plain numbers."""
    return margins(network, questions).double().numpy()


def tuned_on_stories(config: NetworkConfig, questions: Questions, held_out: Questions, recipe: Recipe) -> Tuned:
    """The rate by the loss on held-out stories, `recipe.rates` to begin with; seed 0, of which no figure comes."""

    def loss(rate: float) -> float:
        return log_loss(softmax_pair(answered(learn(config, questions, recipe, rate, seed=0), held_out)))

    return tuned(f"{config.cell} of {config.hidden_size}, {recipe.initial}'s initial weights", recipe.rates, loss)
