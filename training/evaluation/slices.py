"""Answers cut up by what is known of each question: how far off its antecedent may be, how frequent its name is.

Knows answers and whole numbers; knows no texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from training.evaluation.answers import Answers, rounded
from training.evaluation.metrics import Interval

Measure = Literal["balanced accuracy", "accuracy"]

DISTANCE_BOUNDS = (1, 3, 6, 11, 21, 41, 81)
"""Words; each begins a bin, the last is open."""
FREQUENCY_BOUNDS = (0, 2, 10, 100, 1_000, 10_000)
NO_DISTANCE = "none"
"""The label of the questions before which nothing of the kind stands."""
MIN_DRAWN_ITEMS = 10
"""A slice with fewer items (of either form, for a balanced accuracy) is counted and not drawn."""


@dataclass(frozen=True)
class Slice:
    """The figures of the questions of one bin."""

    label: str
    n_of_form: tuple[int, int]
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float
    balanced_accuracy_interval: Interval

    @property
    def n_items(self) -> int:
        """Questions of the bin."""
        return sum(self.n_of_form)

    def figure(self, measure: Measure) -> tuple[float, Interval]:
        """The figure and its 95 % interval; NaN where there is nothing to compute it from."""
        if measure == "accuracy":
            return self.accuracy, self.accuracy_interval
        return self.balanced_accuracy, self.balanced_accuracy_interval

    def is_drawn(self, measure: Measure) -> bool:
        """Whether there is enough for the figure to be more than noise."""
        return (self.n_items if measure == "accuracy" else min(self.n_of_form)) >= MIN_DRAWN_ITEMS

    def to_json(self) -> dict[str, Any]:
        """Floats rounded, None for NaN."""
        return {
            "label": self.label,
            "n_of_form": list(self.n_of_form),
            "accuracy": rounded(self.accuracy),
            "accuracy_interval": _bounds(self.accuracy_interval),
            "balanced_accuracy": rounded(self.balanced_accuracy),
            "balanced_accuracy_interval": _bounds(self.balanced_accuracy_interval),
        }


def by_distance(answers: Answers, distances: Sequence[int | None]) -> list[Slice]:
    """One slice a bin of distances in words, and one for None; every bin is there, empty or not."""
    return _sliced(answers, distances, DISTANCE_BOUNDS, NO_DISTANCE)


def by_frequency(answers: Answers, counts: Sequence[int | None]) -> list[Slice]:
    """One slice a bin of counts; questions of None are left out."""
    return _sliced(answers, counts, FREQUENCY_BOUNDS, None)


def bin_labels(bounds: Sequence[int]) -> list[str]:
    """The bins that begin at `bounds`: (1, 3, 4) gives 1-2, 3, 4+."""
    closed = [f"{low:,}" if low == high - 1 else f"{low:,}-{high - 1:,}" for low, high in itertools.pairwise(bounds)]
    return [*closed, f"{bounds[-1]:,}+"]


def _sliced(answers: Answers, values: Sequence[int | None], bounds: Sequence[int], none: str | None) -> list[Slice]:
    bins = np.array([-1 if v is None else int(np.searchsorted(bounds, v, side="right")) - 1 for v in values])
    labels = dict(enumerate(bin_labels(bounds)))
    if none is not None:
        labels[-1] = none
    return [_slice(label, answers.chosen(bins == number)) for number, label in labels.items()]


def _slice(label: str, answers: Answers) -> Slice:
    summary = answers.summary()
    return Slice(
        label,
        (int(np.sum(answers.right == 0)), int(np.sum(answers.right == 1))),
        summary.accuracy,
        summary.accuracy_interval,
        summary.balanced_accuracy,
        summary.balanced_accuracy_interval,
    )


def _bounds(interval: Interval) -> list[float | None]:
    return [rounded(interval.low), rounded(interval.high)]
