"""Integrated gradients: how much of a choice between two pieces each input vector accounts for.

The log-odds of two pieces in a blank, as a function of the vectors that are read, are integrated along the straight way
from no input (zeros) to the vectors themselves. Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.cells import Array
from model.network import Network

N_STEPS = 64
"""Points on the way; the sums then agree with the difference they stand for to about a hundredth."""


@dataclass(frozen=True)
class Attribution:
    """In nats of log-odds, by the pieces before the blank and, where they were read, after it, in text order."""

    left: Array
    right: Array
    first_order: tuple[Array, Array]
    """Gradient times input at the vectors themselves: what one step, at the end of the way, would give."""
    difference: float
    """Log-odds of the text minus those of no input: what both sides add up to, but for the steps' coarseness."""


def integrated_gradients(
    network: Network, left: Sequence[int], right: Sequence[int] | None, pieces: tuple[int, int], n_steps: int = N_STEPS
) -> Attribution:
    """`left`: ids from <s> to the blank; `right`: from after it to </s>, None where only the left side counts.

    `pieces`: the log-odds are those of the first against the second.
    """
    sides = {"forward": list(left)} | ({} if right is None else {"backward": list(right)[::-1]})
    vectors = {name: network.embedding.weight[ids].detach() for name, ids in sides.items()}  # (T, E)
    middles = (torch.arange(n_steps, dtype=torch.float32) + 0.5) / n_steps  # of equal parts of the way
    inner, _ = _gradients(network, vectors, middles, pieces)
    ends, values = _gradients(network, vectors, torch.tensor([0.0, 1.0]), pieces)
    shares = {name: (vectors[name] * inner[name].mean(1)).sum(-1).numpy() for name in sides}
    products = {name: (vectors[name] * ends[name][:, 1]).sum(-1).numpy() for name in sides}
    none = np.zeros(0, dtype=np.float32)
    return Attribution(
        shares["forward"],
        shares.get("backward", none)[::-1],
        (products["forward"], products.get("backward", none)[::-1]),
        float(values[1] - values[0]),
    )


def _gradients(
    network: Network, vectors: dict[str, torch.Tensor], shares: torch.Tensor, pieces: tuple[int, int]
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """d log-odds / d vectors (T, S, E) by direction at S shares of the vectors, and the log-odds (S,) there."""
    inputs = {
        name: (x[:, None] * shares[None, :, None]).requires_grad_()  # (T, S, E): the shares are rows of one batch
        for name, x in vectors.items()
    }
    tops = {name: network.read_vectors(name, x)[0][-1][-1] for name, x in inputs.items()}  # (S, H), once all is read
    readout = network.readout(tops["forward"], tops.get("backward"))  # (S, E)
    first, second = pieces
    directions = (network.embedding.weight[first] - network.embedding.weight[second]).detach()
    log_odds = readout @ directions + (network.output_bias[first] - network.output_bias[second]).detach()
    gradients = torch.autograd.grad(log_odds.sum(), list(inputs.values()))
    return dict(zip(inputs, gradients, strict=True)), log_odds.detach()
