"""What an ablation did, with its uncertainty: means over questions, intervals and p-values over places.

Questions of one place (a paragraph, a story and its twin) share their text, so places are drawn, and each counts once
in the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import rounded
from training.evaluation.metrics import Interval, correctness
from training.evaluation.paired_tests import binomial_p, holm

Floats = NDArray[np.float64]
N_RESAMPLES = 1_000
NOTHING_NATS = 1e-5
"""Smaller changes are float32's rounding and count as none."""


@dataclass(frozen=True)
class Effect:
    """What is gone without a unit, or without several."""

    log_odds: float
    """Mean log-odds of the right form that are lost, nats; above 0 the units helped."""
    interval: Interval
    accuracy: float
    """Accuracy that is lost."""
    p_value: float
    """Of the sign test over places: that the log-odds are as likely to rise as to fall."""
    corrected_p: float
    """The same corrected (Holm) for the number of units of the network."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded; p-values to 3 significant digits."""
        return {
            "log_odds_lost": rounded(self.log_odds),
            "interval": [rounded(self.interval.low), rounded(self.interval.high)],
            "accuracy_lost": rounded(self.accuracy),
            "p": float(f"{self.p_value:.3g}"),
            "p_holm": float(f"{self.corrected_p:.3g}"),
        }


class Places:
    """Which questions stand together, and resamples of the places, the same for all that is measured."""

    def __init__(self, places: Sequence[str], seed: int, n_resamples: int = N_RESAMPLES) -> None:
        self.member = np.unique(np.asarray(places), return_inverse=True)[1]
        self.sizes = np.bincount(self.member).astype(np.float64)
        n = len(self.sizes)
        self.weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples).astype(np.float64)

    def sums(self, values: Floats) -> Floats:
        """(n, m) -> (n_places, m)."""
        summed = np.zeros((len(self.sizes), values.shape[1]))
        np.add.at(summed, self.member, values)
        return summed

    def intervals(self, values: Floats) -> list[Interval]:
        """95 % percentile intervals of the means of columns. values: (n, m)."""
        resampled = (self.weights @ self.sums(values)) / (self.weights @ self.sizes)[:, None]
        low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
        return [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]

    def sign_p(self, values: Floats) -> list[float]:
        """Exact two-sided sign tests of columns, a place one vote. values: (n, m)."""
        means = self.sums(values) / self.sizes[:, None]
        fell, rose = (means > NOTHING_NATS).sum(0), (means < -NOTHING_NATS).sum(0)
        return [binomial_p(int(a), int(b)) for a, b in zip(fell, rose, strict=True)]


def effects(lost: Floats, plain: Floats, places: Places, n_tests: int) -> list[Effect]:
    """One effect a column. lost: (n, m) log-odds that are gone; plain: (n,) those with nothing edited.

    `n_tests`: for how many units the p-values are corrected; those that were not measured count as p = 1.
    """
    p_values = places.sign_p(lost)
    corrected = holm([*p_values, *[1.0] * (n_tests - len(p_values))])
    clean = np.where(np.abs(lost) > NOTHING_NATS, lost, 0.0)
    accuracy = correctness(plain).mean() - correctness(plain[:, None] - clean).mean(0)
    columns = zip(clean.mean(0), places.intervals(clean), accuracy, p_values, corrected, strict=False)
    return [Effect(float(m), bounds, float(a), p, q) for m, bounds, a, p, q in columns]


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's, ties at their mean rank; NaN where one of the two is constant. Both (n,)."""
    a, b = _ranks(first), _ranks(second)
    if len(a) < 2 or not np.ptp(a) or not np.ptp(b):
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Floats) -> Floats:
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
