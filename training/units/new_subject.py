"""What the gate that keeps or forgets does around a new subject: forget gate (LSTM) or update gate (GRU); 1 keeps.

Averages over the gates of some units of one layer and direction, at the moments when a new subject's name has just been
read, when the old one is named again, and elsewhere; and the course from some tokens before to some after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import rounded
from training.evaluation.metrics import Interval
from training.units.effects import Places
from training.units.reading import Stack, batch, watched
from training.units.subjects import AGAIN, ELSEWHERE, OTHER, SAME, LabelledStory

Floats = NDArray[np.float64]
KEEPING_GATES = {"lstm": "forget_gate", "gru": "update_gate"}
"""The gate that is near 1 where a cell keeps what it remembers."""
AROUND = 5
"""Tokens before and after in the course."""


@dataclass(frozen=True)
class Level:
    """A mean gate, and its 95 % interval over stories."""

    mean: float
    interval: Interval
    n: int
    """Moments."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        return {
            "mean": rounded(self.mean),
            "interval": [rounded(self.interval.low), rounded(self.interval.high)],
            "n": self.n,
        }


@dataclass(frozen=True)
class GateStudy:
    """The gates of some units of one layer and direction."""

    gate: str
    units: tuple[int, ...]
    levels: Mapping[str, Level]
    """By OTHER, SAME, AGAIN, ELSEWHERE."""
    difference: Level
    """At a new subject of the same gender minus at one of the other: above 0, the old one is forgotten when the gender
    changes."""
    course: Mapping[str, Sequence[Level | None]]
    """By OTHER, SAME, AGAIN: from AROUND tokens before to as many after; None where there is none."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        return {
            "gate": self.gate,
            "units": list(self.units),
            "levels": {name: level.to_json() for name, level in self.levels.items()},
            "same_minus_other": self.difference.to_json(),
            "course_from": -AROUND,
            "course": {
                name: [None if level is None else level.to_json() for level in levels]
                for name, levels in self.course.items()
            },
        }


class Gates:
    """The keeping gates of a stack over some stories, read once."""

    def __init__(self, stack: Stack, stories: Sequence[LabelledStory]) -> None:
        """Raises KeyError for a cell without such a gate."""
        self.gate, self.stories = KEEPING_GATES[stack.cell], stories
        texts = batch([story.ids for story in stories])
        shown = watched(stack, texts, (self.gate,))
        rows = np.argsort(texts.order)
        self.values = [shown[k, self.gate].numpy()[:, rows].transpose(1, 0, 2) for k in range(stack.n_layers)]
        """By layer (n_stories, T, H), in the stories' order."""

    def study(self, layer: int, units: Sequence[int], seed: int) -> GateStudy:
        """The mean gate of these units."""
        mean = self.values[layer][:, :, list(units)].mean(-1).astype(np.float64)  # (n_stories, T)
        moments = {name: self._moments(name) for name in (OTHER, SAME, AGAIN, ELSEWHERE)}
        levels = {name: self._level(mean, at, seed) for name, at in moments.items()}
        course = {
            name: [
                level if (level := self._level(mean, self._shifted(moments[name], shift), seed)).n else None
                for shift in range(-AROUND, AROUND + 1)
            ]
            for name in (OTHER, SAME, AGAIN)
        }
        return GateStudy(
            self.gate, tuple(units), levels, self._difference(mean, moments[SAME], moments[OTHER], seed), course
        )

    def _moments(self, name: str) -> list[tuple[int, int]]:
        """(story, token) of a kind."""
        if name == ELSEWHERE:
            return [(k, token) for k, story in enumerate(self.stories) for token in story.elsewhere]
        return [(k, token) for k, story in enumerate(self.stories) for token, kind in story.mentions if kind == name]

    def _shifted(self, moments: Sequence[tuple[int, int]], shift: int) -> list[tuple[int, int]]:
        return [(k, t + shift) for k, t in moments if 0 <= t + shift < len(self.stories[k].ids)]

    def _level(self, mean: Floats, moments: Sequence[tuple[int, int]], seed: int) -> Level:
        if not moments:
            return Level(float("nan"), Interval(float("nan"), float("nan")), 0)
        values = np.array([mean[moment] for moment in moments])
        places = Places([self.stories[k].place for k, _ in moments], seed)
        return Level(float(values.mean()), places.intervals(values[:, None])[0], len(moments))

    def _difference(
        self, mean: Floats, first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]], seed: int
    ) -> Level:
        """First minus second, with the same stories drawn for both."""
        if not first or not second:
            return Level(float("nan"), Interval(float("nan"), float("nan")), 0)
        moments = [*first, *second]
        values = np.array([mean[moment] for moment in moments])
        is_first = np.arange(len(moments)) < len(first)
        places = Places([self.stories[k].place for k, _ in moments], seed)
        columns = np.stack([values * is_first, is_first, values * ~is_first, ~is_first], axis=1).astype(np.float64)
        sums = places.weights @ places.sums(columns)
        sums = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
        low, high = np.percentile(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3], [2.5, 97.5])
        difference = float(values[is_first].mean() - values[~is_first].mean())
        return Level(difference, Interval(float(low), float(high)), len(moments))
