"""Units held at their mean: exactly, one by one or in groups, and as a first-order estimate for all at once.

The ablation, the same for every cell: the unit's *memory* (the cell state of an LSTM, else the hidden state) is its
mean over all tokens of the questions, at every token, read upward and onward. So the unit can neither remember nor tell
anything, and nothing else is touched; it is the intervention `set` on that site over all tokens. A mean rather than 0,
which would itself be an unusual value that the layers above have never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.bundle import Bundle
from training.units.questions import Questions
from training.units.reading import Batch, Stack, batch, unchanged, watched

Floats = NDArray[np.float64]
ROWS_AT_ONCE = 2048
"""Texts times edits read together."""
TEXTS_WITH_GRADIENTS = 48
"""Texts whose activations are held together for the estimate."""


class Unit(NamedTuple):
    """One unit of the network."""

    layer: int
    direction: str
    number: int

    @property
    def stack(self) -> str:
        """Layer and direction, as sites begin: `layer1.forward`."""
        return f"layer{self.layer}.{self.direction}"

    def __str__(self) -> str:
        return f"{self.stack}:{self.number}"


def memory_of(cell: str) -> str:
    """The activation that carries what a cell remembers from one moment to the next."""
    return "cell_state" if cell == "lstm" else "hidden_state"


@dataclass(frozen=True)
class _Side:
    """One direction of the questions."""

    texts: Batch
    inputs: list[Tensor]
    """By layer (T, B, G*H): what its input gives, with nothing edited."""
    means: Tensor
    """(L, H) of the memory over all tokens."""
    readout: Tensor
    """(B, H), in the batch's order: what each top unit adds to the log-odds."""
    plain: Floats
    """(n,) its part of the log-odds with nothing edited, in the questions' order."""


class Ablation:
    """A bundle and questions, read once; then any units of it can be held at their mean."""

    def __init__(
        self, bundle: Bundle, questions: Questions, activation: str | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        """`activation`: what is held, `cell_state` or `hidden_state`; None: the cell's memory."""
        self.config, self.questions = bundle.network, questions
        self.activation = activation or memory_of(bundle.network.cell)
        weights = bundle.weights
        difference = weights["embedding"][questions.right_ids] - weights["embedding"][questions.wrong_ids]  # (n, E)
        bias = weights["output.bias"]
        self.constant: Floats = (
            difference @ weights["output.projection_bias"] + bias[questions.right_ids] - bias[questions.wrong_ids]
        ).astype(np.float64)
        self.stacks = {d: Stack(bundle.network, weights, d, dtype) for d in self.config.directions}
        self.sides: dict[str, _Side] = {}
        for direction in self.config.directions:
            readout = difference @ weights[f"output.{direction}.weight"]  # (n, H)
            rows = questions.lefts if direction == "forward" else questions.rights
            self.sides[direction] = self._side(self.stacks[direction], batch(rows), torch.from_numpy(readout).to(dtype))

    def _side(self, stack: Stack, texts: Batch, readout: Tensor) -> _Side:
        names = dict.fromkeys(("hidden_state", self.activation))
        shown = watched(stack, texts, tuple(names))
        below = [stack.embedding[texts.ids], *(shown[k, "hidden_state"] for k in range(stack.n_layers - 1))]
        inputs = [stack.from_input(layer, x) for layer, x in enumerate(below)]
        n_tokens = int(texts.lengths.sum())
        means = torch.stack([shown[k, self.activation].sum((0, 1)) / n_tokens for k in range(stack.n_layers)])
        readout = readout[torch.from_numpy(texts.order)]
        with torch.no_grad():
            top = stack.read(texts, inputs[-1], stack.n_layers - 1, 1, unchanged)[:, 0]
        return _Side(texts, inputs, means, readout, _in_order(texts, (top * readout).sum(-1, keepdim=True))[:, 0])

    @property
    def units(self) -> list[Unit]:
        """All of the network, layers from the bottom up."""
        config = self.config
        return [
            Unit(layer, direction, number)
            for layer in range(config.n_layers)
            for direction in config.directions
            for number in range(config.hidden_size)
        ]

    @property
    def plain(self) -> Floats:
        """(n,) log-odds of the right form with nothing edited, nats."""
        return np.asarray(self.constant + sum(side.plain for side in self.sides.values()))

    def lost(self, groups: Sequence[Sequence[Unit]], progress: Callable[[int], object] = lambda n: None) -> Floats:
        """(n, n_groups) log-odds of the right form that are gone when all units of a group are held at their means.

        Each direction is read from the lowest layer with a held unit upward. `progress` is told of groups done.
        """
        lost = np.zeros((len(self.questions), len(groups)))
        for direction, side in self.sides.items():
            held = [[unit for unit in group if unit.direction == direction] for group in groups]
            for layer in range(self.config.n_layers):
                which = [k for k, units in enumerate(held) if units and min(u.layer for u in units) == layer]
                for part in _parts(which, max(1, ROWS_AT_ONCE // len(self.questions))):
                    lost[:, part] += side.plain[:, None] - self._held(direction, layer, [held[k] for k in part])
                    progress(len(part))
        return lost

    def _held(self, direction: str, layer: int, groups: Sequence[Sequence[Unit]]) -> Floats:
        """(n, A) a direction's part of the log-odds, each group's units held; none lies below `layer`."""
        side, stack = self.sides[direction], self.stacks[direction]
        edits: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        for at in range(layer, self.config.n_layers):
            pairs = [(edit, u.number) for edit, units in enumerate(groups) for u in units if u.layer == at]
            if pairs:
                edit, number = torch.tensor(pairs).T
                edits[at] = (edit, number, side.means[at, number])

        def hold(at: int, time: int, activation: str, value: Tensor) -> Tensor:
            if activation == self.activation and at in edits:
                edit, number, mean = edits[at]
                value[:, edit, number] = mean
            return value

        with torch.no_grad():
            top = stack.read(side.texts, side.inputs[layer], layer, len(groups), hold)  # (B, A, H)
            return _in_order(side.texts, torch.einsum("bah,bh->ba", top, side.readout))

    def estimated(self) -> dict[str, Floats]:
        """First-order estimates of `lost` for single units: "layer0.forward" -> (n, H).

        With G(t) the gradient of the log-odds with respect to the unit's memory at t, and k(t) what the cell itself
        keeps of it (forget gate, update gate; 0 in a plain RNN), the estimate is

            sum over t of (G(t) - k(t+1) G(t+1)) (memory(t) - mean):

        the value is held at every moment, so that what it would have passed on to its own next moment counts there
        and not twice. Source: attribution patching (Nanda 2023; Syed et al. 2023), for values that are held over time.
        """
        found: dict[str, Floats] = {}
        for direction, side in self.sides.items():
            stack = self.stacks[direction]
            parts = _parts(range(len(self.questions)), TEXTS_WITH_GRADIENTS)
            by_part = [self._estimate(stack, side, part) for part in parts]
            for layer, estimates in enumerate(zip(*by_part, strict=True)):
                found[f"layer{layer}.{direction}"] = _in_order(side.texts, torch.cat(estimates))
        return found

    def _estimate(self, stack: Stack, side: _Side, part: Sequence[int]) -> list[Tensor]:
        """By layer (b, H), of some rows of a side."""
        rows = slice(part[0], part[-1] + 1)
        lengths = side.texts.lengths[rows]
        texts = Batch(side.texts.order[rows], side.texts.ids[: int(lengths[0]), rows], lengths)
        keeps = {"lstm": "forget_gate", "gru": "update_gate"}.get(stack.cell)
        memory: list[list[Tensor]] = [[] for _ in range(stack.n_layers)]
        kept: list[list[Tensor]] = [[] for _ in range(stack.n_layers)]

        def watch(layer: int, time: int, activation: str, value: Tensor) -> Tensor:
            if activation == keeps:
                kept[layer].append(value.detach()[:, 0])
            if activation == self.activation:
                if value.requires_grad:
                    value.retain_grad()
                else:
                    value.requires_grad_()
                memory[layer].append(value)
            return value

        first = side.inputs[0][: int(lengths[0]), rows]
        top = stack.read(texts, first, 0, 1, watch)[:, 0]
        torch.autograd.backward((top * side.readout[rows]).sum())
        if self.activation != memory_of(
            stack.cell
        ):  # an LSTM's hidden state does not go into its own next one as it is
            kept = [[torch.zeros_like(value) for value in layer] for layer in kept]
        return [
            _first_order(memory[layer], kept[layer], side.means[layer], len(part)) for layer in range(stack.n_layers)
        ]


def _first_order(memory: Sequence[Tensor], kept: Sequence[Tensor], mean: Tensor, n_texts: int) -> Tensor:
    """(n_texts, H), see `Ablation.estimated`. memory: by moment (n, 1, H) with gradients; kept: (n, H) or nothing."""
    estimate = mean.new_zeros(n_texts, len(mean))
    later = mean.new_zeros(0, len(mean))
    for time in reversed(range(len(memory))):
        found = memory[time].grad
        gradient = torch.zeros_like(memory[time]) if found is None else found  # none: nothing reads it, as in an mlp
        direct = gradient[:, 0].clone()
        if kept and time + 1 < len(memory):
            direct[: len(later)] -= kept[time + 1] * later
        estimate[: len(direct)] += direct * (memory[time].detach()[:, 0] - mean)
        later = gradient[:, 0]
    return estimate


def _in_order(texts: Batch, values: Tensor) -> Floats:
    """Rows of a batch -> the questions' order, float64."""
    ordered = np.empty(values.shape, dtype=np.float64)
    ordered[texts.order] = values.detach().numpy()
    return ordered


def _parts(which: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(which), size):
        yield list(which[start : start + size])
