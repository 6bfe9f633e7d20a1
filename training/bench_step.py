"""Where the seconds of a training step go, and what the machine's matrix products would allow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from model.config import NetworkConfig
from training.loop import Trainer

PARTS = ("data", "recurrent", "output layer", "optimizer", "other")
GATES = {"lstm": 4, "gru": 3, "rnn": 1, "mlp": 1}
N_PRODUCTS = 7
PRODUCT_SIZE = 1024

Clock = Callable[[], float]


class Stopwatch:
    """Times the parts of a trainer's own step from outside, by wrapping what the step calls.

    data: batch and places. recurrent: reading, forwards and backwards. output layer: readout, losses and their
    gradients. optimizer: clipping and the step. other: the rest. The backward pass is at the recurrent layers from the
    moment when the gradient of a top hidden state is known, and over when the last parameter has its own.
    """

    def __init__(self, trainer: Trainer, clock: Clock = time.perf_counter) -> None:
        self.trainer, self._clock = trainer, clock
        self._on_gpu = trainer.network.projection_bias.is_cuda
        self._seconds: dict[str, float] = {}
        self._losses_end = self._at_recurrent = self._gradients_end = 0.0
        for owner, name, part in (
            (trainer.batches, "next", "data"),
            (trainer.finder, "find", "data"),
            (trainer.network, "read", "recurrent"),
            (trainer.objective, "losses", "output layer"),
        ):
            setattr(owner, name, self._timed(getattr(owner, name), part))
        for parameter in trainer.network.parameters():
            parameter.register_post_accumulate_grad_hook(self._gradient_is_made)  # type: ignore[no-untyped-call]

    def step(self) -> dict[str, float]:
        """One step of the trainer; seconds by part."""
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._at_recurrent = 0.0
        started = self._now()
        self.trainer.step()
        ended = self._now()
        self._seconds["output layer"] += self._at_recurrent - self._losses_end
        self._seconds["recurrent"] += self._gradients_end - self._at_recurrent
        self._seconds["optimizer"] = ended - self._gradients_end
        self._seconds["other"] = max(0.0, ended - started - sum(self._seconds.values()))
        return self._seconds

    def medians(self, n_steps: int) -> dict[str, float]:
        """The median seconds of each part over so many steps, after one that is not counted."""
        self.step()
        steps = [self.step() for _ in range(n_steps)]
        return {part: statistics.median(step[part] for step in steps) for part in PARTS}

    def _now(self) -> float:
        if self._on_gpu:
            torch.cuda.synchronize()
        return self._clock()

    def _timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*words: Any, **named: Any) -> Any:
            started = self._now()
            result = function(*words, **named)
            ended = self._now()
            self._seconds[part] = self._seconds.get(part, 0.0) + ended - started
            if part == "recurrent":
                result[0][-1].register_hook(self._gradient_is_at_hidden_states)
            elif part == "output layer":
                self._losses_end = ended
            return result

        return timed

    def _gradient_is_at_hidden_states(self, gradient: Tensor) -> None:
        if not self._at_recurrent:
            self._at_recurrent = self._now()

    def _gradient_is_made(self, parameter: Tensor) -> None:
        self._gradients_end = self._now()


def operations(config: NetworkConfig, n_tokens: int, share: float) -> float:
    """Floating-point operations of the matrix products of one step, forwards and backwards (three times forwards).

    `share`: of the tokens whose cross-entropy is taken, once for each number of sides.
    """
    recurrent = 0.0
    for layer in range(config.n_layers):
        reads = config.input_size(layer) + (0 if config.cell == "mlp" else config.hidden_size)
        recurrent += 2.0 * GATES[config.cell] * config.hidden_size * reads
    n_sides = len(config.directions)
    readout = 2.0 * config.hidden_size * config.embedding_size * (1 if n_sides == 1 else 3)
    output = 2.0 * config.embedding_size * config.vocabulary_size * n_sides
    return 3.0 * n_tokens * (n_sides * recurrent + share * (readout + output))


def product_rate(dtype: torch.dtype, clock: Clock = time.perf_counter, device: str = "cpu") -> float:
    """Floating-point operations a second of a large square matrix product (the median of N_PRODUCTS)."""
    a = torch.randn(PRODUCT_SIZE, PRODUCT_SIZE, device=device).to(dtype)
    out = torch.empty_like(a)
    seconds = []
    for number in range(N_PRODUCTS + 1):
        started = clock()
        torch.mm(a, a, out=out)
        if device != "cpu":
            torch.cuda.synchronize()
        if number:
            seconds.append(clock() - started)
    return 2.0 * PRODUCT_SIZE**3 / statistics.median(seconds)
