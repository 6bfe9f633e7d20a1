"""How well a unit's memory alone tells the current subject's gender, at tokens that are neither names nor pronouns.

The figure is the area under the ROC curve: the chance that the memory is higher at a token with a masculine subject
than at one with a feminine subject; 0.5 is nothing, and which way round is decided on other stories than it is
measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import rounded
from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.metrics import Interval
from training.units.reading import Stack, batch, watched
from training.units.subjects import FEMININE, MASCULINE, NOBODY, LabelledStory

Floats = NDArray[np.float64]
N_RESAMPLES = 200


@dataclass(frozen=True)
class Selectivity:
    """Of one unit."""

    auc: float
    """On the held-out stories, the way round that the others decided; below 0.5 it did not hold."""
    higher_for: str
    """masculine or feminine, by the other stories."""
    interval: Interval | None = None
    """Over stories, where it was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        interval = None if self.interval is None else [rounded(self.interval.low), rounded(self.interval.high)]
        return {"auc": rounded(self.auc), "interval": interval, "higher_for": self.higher_for}


@dataclass(frozen=True)
class Tokens:
    """The labelled tokens of some stories, as one layer's memory showed them."""

    values: Floats
    """(n, H)."""
    subjects: NDArray[np.int64]
    """(n,) MASCULINE or FEMININE."""
    places: Sequence[str]
    """(n,)"""

    def chosen(self, which: NDArray[np.bool_]) -> Tokens:
        """Some of them."""
        return Tokens(
            self.values[which], self.subjects[which], [p for p, w in zip(self.places, which, strict=True) if w]
        )


def labelled_tokens(stack: Stack, stories: Sequence[LabelledStory], activation: str) -> list[Tokens]:
    """One a layer, from the bottom up."""
    texts = batch([story.ids for story in stories])
    shown = watched(stack, texts, (activation,))
    rows = {int(index): row for row, index in enumerate(texts.order)}
    at = [(t, rows[k]) for k, story in enumerate(stories) for t, s in enumerate(story.subjects) if s != NOBODY]
    subjects = np.array([s for story in stories for s in story.subjects if s != NOBODY], dtype=np.int64)
    places = [story.place for story in stories for s in story.subjects if s != NOBODY]
    time, row = np.array(at, dtype=np.int64).reshape(-1, 2).T
    return [
        Tokens(shown[layer, activation].numpy()[time, row].astype(np.float64), subjects, places)
        for layer in range(stack.n_layers)
    ]


def selectivities(tokens: Tokens, choosing: set[str]) -> list[Selectivity]:
    """One a unit. `choosing`: the places whose stories decide which way round; the others measure."""
    which = np.array([place in choosing for place in tokens.places], dtype=bool)
    first, second = tokens.chosen(which), tokens.chosen(~which)
    found = []
    for unit in range(tokens.values.shape[1]):
        higher = auc(first.values[:, unit], first.subjects) >= 0.5
        measured = auc(second.values[:, unit], second.subjects)
        found.append(Selectivity(measured if higher else 1 - measured, "masculine" if higher else "feminine"))
    return found


def with_interval(found: Selectivity, tokens: Tokens, unit: int, choosing: set[str], seed: int) -> Selectivity:
    """The same with a 95 % interval over the held-out stories."""
    held_out = tokens.chosen(np.array([place not in choosing for place in tokens.places], dtype=bool))
    sign = 1.0 if found.higher_for == "masculine" else -1.0
    values = sign * held_out.values[:, unit]
    interval = bootstrap_interval(
        lambda drawn: auc(values[drawn], held_out.subjects[drawn]), held_out.places, seed, N_RESAMPLES
    )
    return Selectivity(found.auc, found.higher_for, interval)


def auc(values: Floats, subjects: NDArray[np.int64]) -> float:
    """P(a masculine token's value is above a feminine one's), ties one half; NaN without one of the two.

    Both (n,). Source: Hanley & McNeil 1982, The meaning and use of the area under a ROC curve.
    """
    masculine, feminine = values[subjects == MASCULINE], np.sort(values[subjects == FEMININE])
    if not len(masculine) or not len(feminine):
        return float("nan")
    below, up_to = (np.searchsorted(feminine, masculine, side) for side in ("left", "right"))
    return float((below + up_to).sum() / (2 * len(masculine) * len(feminine)))
