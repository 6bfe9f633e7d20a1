"""Figures of merit from plain arrays: accuracies, intervals, calibration, perplexity.

Knows no suites, bundles or texts. Throughout, `margins` (n,) are score(right) - score(wrong): above 0 is right, below
wrong, exactly 0 a tie, which counts one half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
CALIBRATION_BINS = 15
LN_2 = math.log(2)
MAX_NATS = 700.0
"""exp of more may not be a float64."""


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def correctness(margins: ArrayLike) -> Floats:
    """1 where right, 0 where wrong, 0.5 at a tie. margins: (n,)."""
    return 0.5 + 0.5 * np.sign(np.asarray(margins, dtype=np.float64))


def accuracy(margins: ArrayLike) -> float:
    """The share of right answers, ties one half; NaN without items."""
    return _mean(correctness(margins))


def tie_rate(margins: ArrayLike) -> float:
    """The share of exact ties; NaN without items."""
    return _mean(np.asarray(margins, dtype=np.float64) == 0)


def class_accuracies(margins: ArrayLike, answers: ArrayLike) -> tuple[float, float]:
    """The accuracies on the items whose answer is 0 and on those whose answer is 1. Both arrays: (n,)."""
    right, answers = correctness(margins), np.asarray(answers)
    return _mean(right[answers == 0]), _mean(right[answers == 1])


def balanced_accuracy(margins: ArrayLike, answers: ArrayLike) -> float:
    """The mean of the two classes' accuracies: 0.5 for any constant answer, however unequal the classes.

    NaN unless both classes occur. Source: Brodersen et al. 2010, The balanced accuracy and its posterior distribution.
    """
    return sum(class_accuracies(margins, answers)) / 2


def wilson_interval(share: float, n: int) -> Interval:
    """The interval around a share of n items; stays within [0, 1] and is honest near the ends and for small n.

    Ties make `share` a multiple of one half item, for which the interval is a little too wide. NaN for n = 0.
    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if n == 0:
        return Interval(math.nan, math.nan)
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def balanced_interval(margins: ArrayLike, answers: ArrayLike) -> Interval:
    """The interval around the balanced accuracy, from the two classes' Wilson intervals.

    Each bound lies as far from the mean as the square root of the sum of the two classes' squared distances, halved
    (the method of variance estimates recovery). NaN unless both classes occur.
    Source: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10; Zou &
    Donner 2008.
    """
    answers = np.asarray(answers)
    shares = class_accuracies(margins, answers)
    intervals = [wilson_interval(share, int(np.sum(answers == answer))) for answer, share in enumerate(shares)]
    middle = sum(shares) / 2
    below = math.hypot(*(share - interval.low for share, interval in zip(shares, intervals, strict=True))) / 2
    above = math.hypot(*(interval.high - share for share, interval in zip(shares, intervals, strict=True))) / 2
    return Interval(middle - below, middle + above)


def log_loss(probabilities: ArrayLike) -> float:
    """Mean of -log P(right answer), nats; ln 2 for a coin. probabilities: (n,), of the right answers.

    A probability of 0 counts as the smallest positive float64, so that one item cannot make the mean infinite.
    Source: Good 1952, Rational decisions.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return _mean(-np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))


@dataclass(frozen=True)
class ReliabilityBin:
    """Items of about the same stated probability."""

    n_items: int
    stated: float
    """Mean probability of the answer."""
    share: float
    """Share of the items where it was right."""


def reliability(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = CALIBRATION_BINS) -> list[ReliabilityBin]:
    """What was stated against what came true, in bins of equal counts by rising probability.

    probabilities: (n,) of one fixed answer (he), not of the likelier one; outcomes: (n,) whether it was right. Items of
    equal probability each count with their mean outcome, so the order of the items never matters; fewer items than bins
    make one bin each. Source: Nixon et al. 2019, Measuring calibration in deep learning.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    n = len(probabilities)
    if n == 0:
        return []
    values, place = np.unique(probabilities, return_inverse=True)
    means = np.bincount(place, weights=np.asarray(outcomes, dtype=np.float64)) / np.bincount(place)
    bins = np.array_split(np.sort(place), min(n_bins, n))
    return [ReliabilityBin(len(b), float(values[b].mean()), float(means[b].mean())) for b in bins]


def expected_calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, n_bins: int = CALIBRATION_BINS) -> float:
    """Mean over the bins of `reliability`, weighted by size, of |mean probability - share of outcomes|.

    Source: Naeini, Cooper & Hauskrecht 2015; equal counts: Nixon et al. 2019, Measuring calibration in deep learning.
    """
    bins = reliability(probabilities, outcomes, n_bins)
    n = sum(b.n_items for b in bins)
    return sum(b.n_items / n * abs(b.stated - b.share) for b in bins) if n else math.nan


def perplexity(log_probability_nats: float, n_tokens: int) -> float:
    """exp of the mean nats per token; lower is better, and only tokens of the same tokenizer compare. NaN for no token,
    and where it is too large a number (of words, in a text without spaces).

    Source: Jelinek et al. 1977; Jurafsky & Martin, Speech and Language Processing, ch. 3.
    """
    nats = -log_probability_nats / n_tokens if n_tokens else math.nan
    return math.exp(nats) if nats < MAX_NATS else math.nan


def bits_per_character(log_probability_nats: float, n_characters: int) -> float:
    """Bits for each character of the text: comparable across tokenizers, as perplexity per token is not. NaN for no
    text.

    Source: Graves 2013, Generating sequences with recurrent neural networks.
    """
    return -log_probability_nats / LN_2 / n_characters if n_characters else math.nan


MIN_ITEMS = 50
"""Fewer say too little of a temperature."""


def fitted_temperature(margins: Floats) -> float | None:
    """The T, 0.25 to 4, that minimises the log-loss of sigmoid(margin / T); None without 50 items.

    margins: (n,) score(right) - score(wrong) in nats. Source: Guo et al. 2017 (arXiv:1706.04599).
    """
    if len(margins) < MIN_ITEMS:
        return None
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4.0), 241))
    losses = [np.logaddexp(0, -margins / candidate).mean() for candidate in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 4)


def softmax_pair(margins: ArrayLike) -> Floats:
    """P(right answer) of a two-way choice from margins in nats."""
    return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(margins, dtype=np.float64), -700, 700)))


def _mean(values: NDArray[np.float64 | np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
