"""What somebody (a network or a baseline) answered to a list of two-way questions, and the figures that sum it up.

Knows which answer was right and how sure it was; knows neither texts nor who answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation import metrics
from training.evaluation.metrics import Floats, Interval

Choices = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """One answer for each of n questions whose right answers are 0 or 1."""

    right: Choices
    """(n,) 0 where the pair's first form is right, 1 where its second is."""
    margins: Floats
    """(n,) score(right) - score(wrong) in nats; 0 is a tie."""
    probabilities: Floats | None
    """(n,) calibrated probability of the right answer; None from those who only choose."""

    def chosen(self, which: NDArray[np.bool_]) -> Answers:
        """The answers to some of the questions. which: (n,)."""
        probabilities = None if self.probabilities is None else self.probabilities[which]
        return Answers(self.right[which], self.margins[which], probabilities)

    def first_probabilities(self) -> Floats:
        """(n,) P(the pair's first form); NaN from those who only choose."""
        if self.probabilities is None:
            return np.full(len(self.right), np.nan)
        return np.where(self.right == 0, self.probabilities, 1 - self.probabilities)

    def choices(self) -> Choices:
        """(n,) 0 where the first form was chosen, 1 where the second was, -1 at a tie."""
        return np.where(self.margins == 0, -1, np.where(self.margins > 0, self.right, 1 - self.right))

    def summary(self) -> Summary:
        """The figures, each NaN (None in JSON) where there is nothing to compute it from."""
        first, second = metrics.class_accuracies(self.margins, self.right)
        share = metrics.accuracy(self.margins)
        log_loss = calibration_error = math.nan
        if self.probabilities is not None:
            log_loss = metrics.log_loss(self.probabilities)
            calibration_error = metrics.expected_calibration_error(self.first_probabilities(), self.right == 0)
        return Summary(
            n_items=len(self.right),
            accuracy=share,
            accuracy_interval=metrics.wilson_interval(share, len(self.right)),
            first_accuracy=first,
            second_accuracy=second,
            balanced_accuracy=metrics.balanced_accuracy(self.margins, self.right),
            balanced_accuracy_interval=metrics.balanced_interval(self.margins, self.right),
            log_loss_nats=log_loss,
            calibration_error=calibration_error,
            tie_rate=metrics.tie_rate(self.margins),
        )


@dataclass(frozen=True)
class Summary:
    """The figures of one answerer on one set of questions; shares lie in [0, 1], intervals are of 95 %."""

    n_items: int
    accuracy: float
    accuracy_interval: Interval
    first_accuracy: float
    """Accuracy where the pair's first form is right."""
    second_accuracy: float
    """Accuracy where its second is."""
    balanced_accuracy: float
    balanced_accuracy_interval: Interval
    log_loss_nats: float
    calibration_error: float
    """Expected calibration error of P(first form) in 15 equal-count bins."""
    tie_rate: float

    def to_json(self) -> dict[str, Any]:
        """Flat, floats rounded to 6 places, None for NaN."""
        fields: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Interval):
                fields[name] = [rounded(value.low), rounded(value.high)]
            else:
                fields[name] = rounded(value) if isinstance(value, float) else value
        return fields


def rounded(value: float) -> float | None:
    """To 6 places, so that the last bits of a sum do not change a file; None for NaN."""
    return None if math.isnan(value) else round(value, 6)
