"""The course of a training as pictures: losses, accuracies and speed against the tokens read.

Knows the rows of `Trainer.history`; how lines are drawn is `pictures.py`'s.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from training.pictures import BLUE as BOTH
from training.pictures import GREEN as THIRD
from training.pictures import ORANGE as LEFT
from training.pictures import Line, Panel, Picture, picture

Row = Mapping[str, Any]
History = Sequence[Row]

MAX_POINTS = 600
"""A longer line is drawn through the means of as many stretches."""


def pictures(history: History, pair_names: Sequence[str]) -> list[Picture]:
    """What there is to draw; nothing of a quantity that has no value. `pair_names`: the default pair first."""
    first, others = pair_names[:1], pair_names[1:]
    groups = {
        "Which of two pronouns": [_accuracy(history, name) for name in first],
        "Cross-entropy": [_losses(history), _contrasts(history)],
        "The other pairs": [_accuracy(history, name) for name in others],
        "Speed and learning rate": [_speed(history), _learning_rate(history)],
    }
    drawn = [picture(f"picture-{number}", title, panels) for number, (title, panels) in enumerate(groups.items())]
    return [found for found in drawn if found is not None]


def line(history: History, name: str, label: str, colour: str, measured: bool = False) -> Line | None:
    """The line of one field of the history; None without a finite value."""
    points = [(row["tokens"], row[name]) for row in history if _is_finite(row.get(name))]
    if not points:
        return None
    tokens, values = zip(*_thinned(points), strict=True)
    return Line(label, list(tokens), list(values), colour, measured)


def speeds(history: History) -> list[tuple[float, float]]:
    """(tokens read, tokens a second since the row before) for the rows of training."""
    rows = [row for row in history if "learning_rate" in row]
    return [
        (after["tokens"], (after["tokens"] - before["tokens"]) / seconds)
        for before, after in itertools.pairwise(rows)
        if (seconds := after["elapsed_seconds"] - before["elapsed_seconds"]) > 0
    ]


def _accuracy(history: History, pair: str) -> Panel:
    lines = [
        line(history, f"valid_{pair}_left", "left context only", LEFT, measured=True),
        line(history, f"valid_{pair}_both", "both sides", BOTH, measured=True),
    ]
    return Panel(pair, "balanced accuracy, held-out", _drawable(lines), ("constant answer", 0.5), least=0.4)


def _losses(history: History) -> Panel:
    lines = [
        line(history, "train_left_nats", "training, left", LEFT),
        line(history, "train_both_nats", "training, both sides", BOTH),
        line(history, "valid_left_nats", "held-out, left", LEFT, measured=True),
        line(history, "valid_both_nats", "held-out, both sides", BOTH, measured=True),
    ]
    return Panel("Language model", "nats per piece", _drawable(lines))


def _contrasts(history: History) -> Panel:
    lines = [
        line(history, "train_contrast_left_nats", "training, left", LEFT),
        line(history, "train_contrast_both_nats", "training, both sides", BOTH),
    ]
    return Panel("Contrast at pronouns", "nats per pronoun", _drawable(lines), ("a coin", math.log(2)))


def _speed(history: History) -> Panel:
    points = speeds(history)
    if not points:
        return Panel("Speed", "tokens per second", [])
    tokens, values = zip(*_thinned(points), strict=True)
    return Panel("Speed", "tokens per second", [Line("tokens per second", list(tokens), list(values), THIRD)])


def _learning_rate(history: History) -> Panel:
    lines = [line(history, "learning_rate", "learning rate", THIRD)]
    return Panel("Learning rate", "learning rate", _drawable(lines))


def _drawable(lines: Sequence[Line | None]) -> list[Line]:
    return [line for line in lines if line is not None]


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MAX_POINTS points, each the mean of a stretch."""
    size = math.ceil(len(points) / MAX_POINTS)
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in stretches]
