"""How a network does on held-out text during training: nats a piece, and whether it picks the right pronoun."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.batches import Batch, Batches
from training.evaluation.metrics import balanced_accuracy, fitted_temperature
from training.objective import HiddenStates, Objective
from training.places import Asked, PlaceFinder

CONTEXTS = ("left", "both")


@dataclass
class Margins:
    """Log-odds of the right pronoun, item by item, for one context."""

    values: list[float] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def balanced_accuracy(self, pair: int) -> float | None:
        """Mean of the two answers' accuracies, ties one half; None unless both answers occur."""
        chosen = np.array(self.pairs, dtype=np.int64) == pair
        accuracy = balanced_accuracy(np.array(self.values)[chosen], np.array(self.answers)[chosen])
        return None if np.isnan(accuracy) else accuracy

    def temperature(self, pair: int) -> float | None:
        """The temperature that fits the margins of one pair; None without 50 items."""
        return fitted_temperature(np.array(self.values)[np.array(self.pairs) == pair])


@dataclass(frozen=True)
class ValidationResult:
    """Figures of one validation; None where a network or a text has no such figure."""

    left_nats: float | None
    both_nats: float | None
    margins: dict[str, Margins]

    def to_json(self, pair_names: list[str]) -> dict[str, Any]:
        """Flat figures for the history: cross-entropies, and balanced accuracy by pair and context."""
        row: dict[str, Any] = {"valid_left_nats": self.left_nats, "valid_both_nats": self.both_nats}
        for context, margins in self.margins.items():
            for number, name in enumerate(pair_names):
                row[f"valid_{name}_{context}"] = margins.balanced_accuracy(number)
        return row


class Validation:
    """A fixed sample of fragments, like requests, asked again at every validation."""

    def __init__(self, batches: Batches, finder: PlaceFinder, n_batches: int) -> None:
        random = np.random.default_rng(0)
        self.sample: list[tuple[Batch, Asked]] = []
        for _ in range(n_batches):
            batch = batches.next()
            self.sample.append((batch, finder.find(batch, random)))

    @torch.no_grad()
    def measure(self, objective: Objective, *, language_model: bool) -> ValidationResult:
        """The figures of the objective's network as it stands; dropout is off meanwhile."""
        network = objective.network
        was_training = network.training
        network.eval()
        sums: dict[str, list[float]] = {"left": [], "both": []}
        counts: dict[str, list[int]] = {"left": [], "both": []}
        margins = {context: Margins() for context in CONTEXTS[: len(network.config.directions)]}
        for batch, asked in self.sample:
            states = HiddenStates(network, batch, network.initial_state(len(batch.ids)))
            losses = objective.losses(states, asked, with_language_model=language_model)
            for context, places in (("left", asked.left), ("both", asked.both)):
                value = getattr(losses, context)
                if value is not None:
                    sums[context].append(float(value) * len(places))
                    counts[context].append(len(places))
            if len(asked.contrast):
                left, both = objective.margins(states, asked)
                _extend(margins["left"], left, asked, np.ones(len(left), dtype=bool))
                if both is not None:
                    _extend(margins["both"], both, asked, asked.contrast_seen)
        network.train(was_training)
        nats = {name: sum(sums[name]) / sum(counts[name]) if sum(counts[name]) else None for name in sums}
        return ValidationResult(nats["left"], nats["both"], margins)


def _extend(margins: Margins, values: torch.Tensor, asked: Asked, which: NDArray[np.bool_]) -> None:
    margins.values += values.float().cpu().numpy()[which].tolist()
    margins.pairs += asked.contrast_pair[which].tolist()
    margins.answers += asked.contrast_answer[which].tolist()
